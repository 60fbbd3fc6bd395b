"""The kernel's capabilities by number, as capabilities(7) names them."""

from typing import Final

NAMES: Final = (
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
)  # fmt: skip


def names_of(mask: int) -> list[str]:
    """The capabilities in a set of bits; one that has no name yet by its number."""
    numbers = (number for number in range(mask.bit_length()) if mask >> number & 1)
    return [f"cap_{NAMES[number]}" if number < len(NAMES) else f"cap_{number}" for number in numbers]
