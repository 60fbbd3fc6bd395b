"""What a bundle says of itself to people, and the script that checks it with standard tools alone."""

from typing import Final

README: Final = """\
This folder is an evidence bundle, written by irkit.

It is a BagIt 1.0 bag. Nothing in it has changed since it was sealed, if these checks say so:

    sh verify.sh                        with sh, find, grep and coreutils only
    sha256sum -c manifest-sha256.txt    the evidence alone
    irkit verify FOLDER                 the same and more, and says which file or line is wrong

data/                   the evidence, by host and container, as it was collected
data/log/run.jsonl      the run log: what was done, when, and what came of it; each line names the SHA-256 digest of
                        the line before it ("prev"), so that none can be altered, taken out or put in between
metadata/items.jsonl    one line for each file of data/ but the log: origin, times, digests, whether it is whole
metadata/bundle.json    case, hosts, containers, clocks, changes made to each host and their undo, footprint
metadata/plan.json      the plan as approved; metadata/playbook.yaml is the playbook it was made from
manifest-*.txt          digests of data/; tagmanifest-*.txt: digests of everything else

Files that end in .zst are compressed: `zstd -d` reads them. Their items tell the digest and size of what came from
the host as well ("source_sha256", "source_size"), to compare with another acquisition.
Names below data/ are made from the names of hosts and containers; the exact ones are in items.jsonl and bundle.json.
"""

VERIFY: Final = r"""#!/bin/sh
# Checks this bundle with standard tools; `irkit verify` checks the same and more, and explains more.
cd "$(dirname "$0")" || exit 4
export LC_ALL=C; bad=0; wrong() { echo "$*"; bad=4; }
for n in 256 512; do
  sha${n}sum --strict --quiet -c tagmanifest-sha$n.txt manifest-sha$n.txt || wrong "sha$n: the files named above differ"
  form="^[0-9a-f]{$((n / 4))}  [A-Za-z0-9._/-]+\$" # a digest, two spaces, a name; each once, in order, all with an LF
  grep -vEn "$form" tagmanifest-sha$n.txt && wrong "tagmanifest-sha$n.txt: these lines were altered"
  sort -c -u -k 2 tagmanifest-sha$n.txt || wrong "tagmanifest-sha$n.txt: not sorted"
  [ -z "$(tail -c 1 tagmanifest-sha$n.txt)" ] || wrong "tagmanifest-sha$n.txt: its last line is cut"
done
names() { cut -d ' ' -f 3- "tagmanifest-sha$1.txt" "manifest-sha$1.txt"; printf 'tagmanifest-sha%s.txt\n' 256 512; }
[ "$(names 256)" = "$(names 512)" ] || wrong "the sha256 and sha512 manifests do not list the same files"
more=$({ find . ! -type d; names 256; names 256; } | sed 's|^\./||' | sort | uniq -u; find . -type d -empty
  find . ! -type d ! -type f; find . -name '*[!A-Za-z0-9._-]*')
[ -z "$more" ] || wrong "not listed, not a plain file, or an empty folder: $more"
prev=0000000000000000000000000000000000000000000000000000000000000000; line=0
while IFS= read -r text; do
  line=$((line + 1))
  case $text in *",\"prev\":\"$prev\",\"seq\":$line}") ;; *) wrong "data/log/run.jsonl: line $line is wrong" ;; esac
  prev=$(printf '%s\n' "$text" | sha256sum | cut -c 1-64)
done < data/log/run.jsonl
grep -qx "Irkit-Log-Head: $prev" bag-info.txt || wrong "data/log/run.jsonl: bag-info.txt names another last line"
[ $bad = 0 ] && echo "All files and $line log lines are as they were sealed."
exit $bad
"""
