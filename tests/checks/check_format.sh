#!/usr/bin/env bash
# Fails when a C++ file is not formatted as .clang-format says.   check_format.sh SOURCE_DIR
set -euo pipefail
cd "$1"

if ! command -v clang-format-14 >/dev/null; then
  echo "skipped: no clang-format-14 (packaging/install-dependencies test)"
  exit 77
fi

# What git has or would take; without a checkout, what lies in the rooms.
list_files() {
  git ls-files --cached --others --exclude-standard -z -- '*.h' '*.cc' 2>/dev/null ||
    find app capture analyzer metrics tests \( -name '*.h' -o -name '*.cc' \) -print0
}
files=()
while IFS= read -r -d '' file; do
  [[ ! -f $file ]] || files+=("$file")  # git also lists what was just deleted
done < <(list_files)

if [[ ${#files[@]} -eq 0 ]]; then
  echo "no C++ file found under $1" >&2
  exit 1
fi
clang-format-14 --dry-run -Werror "${files[@]}"
echo "${#files[@]} files are well formatted"
