// Writes the dashboards.    node build.js FOLDER

import {writeFileSync} from 'node:fs';
import {join} from 'node:path';

import {captureHealth} from './capture_health.js';
import {lossMatrix} from './loss_matrix.js';
import {overview} from './overview.js';
import {json} from './panels.js';

const folder = process.argv[2];
if (!folder) {
  console.error('build.js: no folder given. Usage: node build.js FOLDER');
  process.exit(2);
}
const dashboards = {
  'overview.json': overview(),
  'capture-health.json': captureHealth(),
  'loss-matrix.json': lossMatrix(),
};
for (const [name, builder] of Object.entries(dashboards)) {
  writeFileSync(join(folder, name), json(builder));
}
