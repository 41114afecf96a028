#!/usr/bin/env python3
"""Fails when the manual page has faults, or bash or zsh complete other than they should.

    check_pages.py SOURCE_DIR

That the pages are of the option table is app's test, OptionPages. Ends with 77, for skipped, where
a shell or man is missing.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ASK_BASH = """
source "$1"
COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"$(complete -p "${COMP_WORDS[0]}" | sed 's/.*-F \\([^ ]*\\).*/\\1/')"
printf '%s\\n' "${COMPREPLY[@]}"
"""

# Types a line and a tab in a terminal of its own; prints what zsh shows.
ASK_ZSH = """
zmodload zsh/zpty
zpty z zsh -f -i
expect() { zpty -r z shown "*$1*" }
zpty -w z "stty cols 200 rows 100; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w z "LISTMAX=1000; zstyle ':completion:*' list-separator --; PS1='no''w> '"
expect 'now> '  # its editor reads from here on
zpty -w -n z "$2"$'\t'
zpty -w -n z $'\x15'"echo do''ne"$'\n'
expect done
print -r -- $shown
"""

# (words typed, the last perhaps in part; some of what is offered; what is not). Run in a folder
# with a.pcap and web.yml.
CASES = [
    (["lossgazer", ""], ["report", "check-config", "check-health"], ["--local", "a.pcap"]),
    (["lossgazer", "re"], ["report"], ["check-config"]),
    (["lossgazer", "--c"], ["--capture.interface", "--config.file"], ["--format", "--local"]),
    (["lossgazer", "--log.level", ""], ["debug", "info", "warning", "error"], ["report"]),
    (["lossgazer", "--log.format", "j"], ["json"], ["logfmt"]),
    (["lossgazer", "-i", ""], ["any", "lo"], ["report"]),
    (["lossgazer", "--user", "nob"], ["nobody"], ["root"]),
    (["lossgazer", "--web.config.file", "w"], ["web.yml"], ["a.pcap"]),
    (["lossgazer", "--metrics.labels", "local,p"], ["port"], ["local,local"]),
    (["lossgazer", "-i", "report", ""], ["check-config", "check-health"], ["a.pcap"]),
    (["lossgazer", "report", "--"], ["--format", "--local"], ["--web.listen-address", "--user"]),
    (["lossgazer", "report", "--format", ""], ["table", "events", "prometheus"], ["a.pcap"]),
    (["lossgazer", "report", ""], ["a.pcap"], ["check-config"]),
    (["lossgazer", "check-config", "w"], ["web.yml"], ["a.pcap"]),
    (["lossgazer", "check-health", "--"], ["--web.config.file"], ["--local", "--user"]),
    (["lossgazer-report", "--f"], ["--format", "--flows.max"], ["--user"]),
    (["lossgazer-report", "a"], ["a.pcap"], ["any"]),
]
# bash takes --option=value for three words.
BASH_CASES = [
    (["lossgazer", "--log.level", "=", "d"], ["debug"], ["info"]),
    (["lossgazer", "--log.level", "="], ["debug", "info"], ["report"]),
    (["lossgazer", "--log.level", "=", "info", "rep"], ["report"], ["debug"]),
]


def output(*command, **keywords):
    done = subprocess.run(
        command, text=True, capture_output=True, timeout=30, stdin=subprocess.DEVNULL, **keywords
    )
    return done.returncode, done.stdout, done.stderr


def faults_of_manual(page):
    environment = os.environ | {"LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"}
    command = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)]
    status, text, errors = output(*command, env=environment)
    if status != 0 or errors or not text:
        yield f"{page.name}: man says {errors or status}"


def faults_of_answer(shell, words, offered, wanted, unwanted):
    missing = [word for word in wanted if word not in offered]
    surplus = [word for word in unwanted if word in offered]
    if missing or surplus:
        yield f"{shell}: {' '.join(words)}<TAB> lacks {missing}, has {surplus}: {offered}"


def faults_of_bash(file, folder):
    for words, wanted, unwanted in CASES + BASH_CASES:
        command = ["bash", "--norc", "-uc", ASK_BASH, "ask", str(file), *words]
        status, text, errors = output(*command, cwd=folder)
        if status != 0 or errors:
            yield f"bash: {' '.join(words)}<TAB> ended with {status}: {errors}"
            continue
        # What stands before a list's last comma is kept.
        offered = [word.rsplit(",", 1)[-1] for word in text.splitlines()]
        yield from faults_of_answer("bash", words, offered, wanted, unwanted)


def faults_of_zsh(completions, folder):
    status, _, errors = output("zsh", "-fn", str(completions / "_lossgazer"))
    if status != 0 or errors:
        yield f"zsh -n: {errors}"
        return
    for words, wanted, unwanted in CASES:
        status, text, errors = output(
            "zsh", "-fc", ASK_ZSH, "ask", str(completions), " ".join(words), cwd=folder
        )
        shown = text.replace("\x1b", " ")
        yield from faults_of_answer("zsh", words, shown, wanted, [])
        if status != 0 or errors or "command not found" in shown:
            yield f"zsh: {' '.join(words)}<TAB> ended with {status}: {errors}{shown}"


def main():
    source = Path(sys.argv[1]).resolve()
    missing = [name for name in ("bash", "man", "zsh") if shutil.which(name) is None]
    if missing:
        print(f"skipped: no {', '.join(missing)} (packaging/install-dependencies test)")
        return 77
    completions = source / "packaging/completions"
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.pcap", "web.yml"):
            Path(folder, name).touch()
        faults = [
            *faults_of_manual(source / "packaging/man/lossgazer.8"),
            *faults_of_bash(completions / "lossgazer.bash", folder),
            *faults_of_zsh(completions, folder),
        ]
    print("\n".join(faults) or "good")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
