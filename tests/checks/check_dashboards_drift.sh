#!/usr/bin/env bash
# Fails when a committed Grafana dashboard is not what packaging/grafana/src makes, or its types are
# wrong.   check_dashboards_drift.sh SOURCE_DIR WORK_DIR
#
# What npm brings is kept in WORK_DIR, and brought again only when the lock file changes.
set -euo pipefail
source=$(realpath "$1")/packaging/grafana
work=$2

for tool in node npm; do
  if ! command -v "$tool" >/dev/null; then
    echo "skipped: no $tool (packaging/install-dependencies test)"
    exit 77
  fi
done

mkdir -p "$work"
find "$work" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name brought.json -exec rm -r {} +
for file in "$source"/src/* "$source"/src/.npmrc; do
  [[ $(basename "$file") == node_modules ]] || cp "$file" "$work"
done
cd "$work"
if ! cmp --silent package-lock.json brought.json; then
  rm -f brought.json
  npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1 || {
    cat npm.log >&2
    echo "npm ci failed in $work: needs the npm registry, once" >&2
    exit 1
  }
  cp package-lock.json brought.json
fi

./node_modules/.bin/tsc
mkdir made
node build.js made
# Both ways: a dashboard that nothing makes is drift, too.
status=0
for file in made/*.json "$source"/*.json; do
  name=$(basename "$file")
  diff --unified=1 "$source/$name" "made/$name" || status=1
done
if [[ $status -ne 0 ]]; then
  echo "To mend: cd packaging/grafana/src && npm ci && npm run build" >&2
fi
exit "$status"
