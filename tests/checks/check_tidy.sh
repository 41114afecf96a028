#!/usr/bin/env bash
# Runs clang-tidy over the product's and the tests' sources.   check_tidy.sh SOURCE_DIR BUILD_DIR
set -euo pipefail

if ! command -v run-clang-tidy-14 >/dev/null; then
  echo "skipped: no clang-tidy-14 (packaging/install-dependencies test)"
  exit 77
fi
# Its progress and each file's count of suppressed warnings are noise; what it finds is not.
run-clang-tidy-14 -quiet -p "$2" "^$1/(app|capture|analyzer|metrics)/" 2>/dev/null |
  { grep -vE '^(clang-tidy-14 |$)' || true; }
