// Says what Kubernetes would refuse of objects:    node validate.js OBJECTS.json
//
// OBJECTS.json is [{where, object}]. The models' validators know what is required and which values a
// field takes, but let unknown fields pass; TypeScript knows the fields, and refuses others.

import {execFileSync} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';

const require = createRequire(import.meta.url);
const OPERATOR = 'monitoring.coreos.com/';

function moduleOf({apiVersion, kind}) {
  const models = apiVersion.startsWith(OPERATOR)
    ? '@kubernetes-models/prometheus-operator'
    : 'kubernetes-models';
  return `${models}/${apiVersion}/${kind}`;
}

const found = [];
const items = [];
for (const item of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  const {where, object} = item;
  let Model;
  try {
    Model = require(moduleOf(object))[object.kind];
  } catch {
    found.push(`${where}: no ${object.apiVersion} ${object.kind} is known`);
    continue;
  }
  items.push(item);
  try {
    new Model(object).validate();
  } catch (error) {
    found.push(`${where}: ${error.message}`);
  }
}

// One object a line, so that a line tells which it was.
const lines = items.map(({object}, index) => {
  const type = `import('${moduleOf(object)}').I${object.kind}`;
  return `export const o${index}: ${type} = ${JSON.stringify(object)};`;
});
writeFileSync('objects.ts', lines.join('\n') + '\n');
try {
  execFileSync(process.execPath, [
    require.resolve('typescript/bin/tsc'),
    ...['--noEmit', '--strict', '--skipLibCheck', '--pretty', 'false'],
    ...['--module', 'nodenext', 'objects.ts'],
  ]);
} catch (error) {
  for (const line of String(error.stdout).trim().split('\n')) {
    const place = line.match(/^objects\.ts\((\d+),\d+\): error TS\d+: (.*)/);
    found.push(place ? `${items[place[1] - 1].where}: ${place[2]}` : line);
  }
}
console.log(JSON.stringify(found));
