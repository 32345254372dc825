// Checks HealthImaging's answers against the service model, when the model lies beside the
// repository. Without it the SDK's own deserialisation is all that is checked.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkShape } from './model_check.mjs';

const file = fileURLToPath(
  new URL('../../../shared/models/medical-imaging/service-2.json', import.meta.url));
export const model = existsSync(file) ? JSON.parse(readFileSync(file)) : null;

const inBody = (member) => member.location === undefined;
// The operations by method and path: labels stand for one segment.
const routes = model === null ? [] : Object.entries(model.operations).map(([name, { http }]) => ({
  name,
  method: http.method,
  path: new RegExp(`^${http.requestUri.replace(/\{[^}]+\}/g, '[^/]+')}$`),
}));

export function operationOf(method, path) {
  const found = routes.find((route) => route.method === method && route.path.test(path));
  assert.ok(found, `${method} ${path} is no operation`);
  return found.name;
}

// Throws when an answer does not keep to the operation's output: bytes or JSON.
export function checkResponse(operation, headers, bytes) {
  const output = model.operations[operation].output.shape;
  const { payload, members } = model.shapes[output];
  if (payload !== undefined) {
    assert.equal(model.shapes[members[payload].shape].type, 'blob');
    for (const [member, { location, locationName }] of Object.entries(members)) {
      if (location === 'header') assert.ok(headers[locationName.toLowerCase()], member);
    }
    return;
  }
  assert.equal(headers['content-type'], 'application/json');
  checkShape(model, output, JSON.parse(bytes), operation, (member) => !inBody(member));
}

// Throws when an operation may not answer with this exception or not so.
export function checkError(operation, status, headers, bytes) {
  const name = headers['x-amzn-errortype'];
  assert.equal(typeof JSON.parse(bytes).message, 'string');
  const names = model.operations[operation].errors.map((error) => error.shape);
  assert.ok(names.includes(name), `${operation} does not know ${name}`);
  assert.equal(status, model.shapes[name].error.httpStatusCode);
}
