"""Where a Linux host keeps what is worth knowing of it around its containers: lists of paths, and nothing else."""

from typing import Final

KERNEL: Final = (
    *(b"/proc/version", b"/proc/cmdline", b"/proc/uptime", b"/proc/loadavg", b"/proc/meminfo", b"/proc/modules"),
    *(b"/proc/filesystems", b"/proc/partitions", b"/proc/swaps", b"/proc/cgroups", b"/proc/consoles"),
)
"""What the kernel tells, for all alike."""
OF_FIRST: Final = (
    *(b"mountinfo", b"cgroup", b"net/tcp", b"net/tcp6", b"net/udp", b"net/udp6", b"net/unix", b"net/raw", b"net/raw6"),
    *(b"net/packet", b"net/netlink", b"net/route", b"net/ipv6_route", b"net/arp", b"net/dev", b"net/if_inet6"),
    *(b"net/fib_trie", b"net/igmp", b"net/igmp6", b"net/nf_conntrack", b"net/ip_tables_names", b"net/snmp"),
)
"""What the kernel tells of process 1: of the host, and of no container."""
SYSCTLS: Final = (
    *(b"kernel", b"kernel/random", b"kernel/yama", b"kernel/keys", b"fs", b"fs/inotify", b"vm", b"user", b"net/core"),
    *(b"net/ipv4", b"net/ipv4/conf/all", b"net/ipv4/conf/default", b"net/ipv6/conf/all", b"net/ipv6/conf/default"),
    *(b"net/bridge", b"net/netfilter", b"net/unix"),
)
"""Folders of parameters of the kernel, below /proc/sys."""
INTERFACE: Final = (b"ifindex", b"iflink", b"address", b"operstate", b"mtu", b"flags", b"type", b"ifalias")
"""What is read of an interface, below /sys/class/net."""
SETTINGS: Final = (
    *(b"/etc/os-release", b"/etc/hostname", b"/etc/machine-id", b"/etc/hosts", b"/etc/resolv.conf", b"/etc/fstab"),
    *(b"/etc/docker/daemon.json", b"/etc/default/docker", b"/etc/sysconfig/docker", b"/etc/containerd/config.toml"),
    *(b"/etc/containers/containers.conf", b"/etc/containers/storage.conf", b"/etc/containers/registries.conf"),
    *(b"/etc/passwd", b"/etc/group", b"/etc/sudoers", b"/etc/ssh/sshd_config", b"/etc/ld.so.preload"),
    *(b"/etc/crontab", b"/etc/anacrontab", b"/etc/rc.local", b"/etc/sysctl.conf", b"/etc/environment"),
)
"""Settings of the system, of the engine, and of who may log in."""
FACTS_ONLY: Final = (b"/etc/shadow", b"/etc/gshadow")
"""What is told without its content: that would be secrets."""
FOLDERS: Final = (
    *(b"/etc/cron.d", b"/etc/cron.hourly", b"/etc/cron.daily", b"/etc/cron.weekly", b"/etc/cron.monthly"),
    *(b"/var/spool/cron", b"/var/spool/cron/crontabs", b"/var/spool/cron/atjobs", b"/var/spool/at"),
    *(b"/etc/systemd/system", b"/run/systemd/system", b"/etc/systemd/user", b"/root/.config/systemd/user"),
    *(b"/etc/sudoers.d", b"/etc/ssh/sshd_config.d", b"/etc/init.d", b"/etc/profile.d", b"/etc/sysctl.d"),
    *(b"/run/systemd/sessions", b"/run/systemd/users", b"/etc/systemd/system/docker.service.d"),
    *(b"/etc/systemd/system/docker.socket.d", b"/etc/systemd/system/containerd.service.d"),
)
"""Folders all of whose files are read: jobs, units made here, sessions."""
UNITS: Final = (b"/usr/lib/systemd/system", b"/lib/systemd/system", b"/usr/lib/systemd/user")
"""Units that packages bring: read where they have to do with containers, or were changed lately."""
ENGINE_UNITS: Final = (b"docker.", b"containerd.", b"podman", b"crio.", b"kubelet.", b"netavark")
"""How the names of units begin that have to do with containers."""
SOCKETS: Final = (
    *(b"/run/docker.sock", b"/var/run/docker.sock", b"/run/containerd/containerd.sock", b"/run/podman/podman.sock"),
    *(b"/run/crio/crio.sock", b"/run/cri-dockerd.sock"),
)
"""Sockets through which a host's containers are ruled: who may open them rules the host."""
LOGINS: Final = (b"/run/utmp", b"/var/log/wtmp", b"/var/log/btmp", b"/var/log/lastlog")
"""Who is and was logged in, in records of the C library's."""
LOGS: Final = (
    *(b"/var/log/syslog", b"/var/log/syslog.1", b"/var/log/messages", b"/var/log/daemon.log", b"/var/log/docker.log"),
    *(b"/var/log/auth.log", b"/var/log/auth.log.1", b"/var/log/secure", b"/var/log/kern.log", b"/var/log/cron.log"),
    b"/var/log/audit/audit.log",
)
"""Logs of the system, of which the newest part is read."""
JOURNALS: Final = (b"/var/log/journal", b"/run/log/journal")
"""Where journals lie: what is there is told, and not read."""
KEYS: Final = (b".ssh/authorized_keys", b".ssh/authorized_keys2")
"""Who may log in as a user, below that user's home."""
