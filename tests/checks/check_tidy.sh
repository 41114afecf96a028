#!/usr/bin/env bash
# Runs clang-tidy over the product's sources, for which .clang-tidy makes every warning an error.
#   check_tidy.sh SOURCE_DIR BUILD_DIR
set -euo pipefail

if ! command -v run-clang-tidy-14 >/dev/null; then
  echo "skipped: no clang-tidy-14 (packaging/install-dependencies test)"
  exit 77
fi
if found=$(run-clang-tidy-14 -quiet -p "$2" "^$1/(app|capture|analyzer|metrics)/" 2>&1); then
  exit 0
fi
# One line a finding, and each only once: a header's come with every file that includes it.
printf '%s\n' "$found" | sed 's/\x1b\[[0-9;]*m//g' | grep -E '(warning|error): ' | sort -u ||
  printf '%s\n' "$found"  # it could not run at all
exit 1
