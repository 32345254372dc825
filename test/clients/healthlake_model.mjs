// Checks HealthLake's answers against the service model, when the models lie beside the repository.
// Without them the SDK's own deserialisation is all that is checked.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkShape } from './model_check.mjs';

const folder = fileURLToPath(new URL('../../../shared/models/healthlake/', import.meta.url));
const read = (name) => (existsSync(folder + name) ? JSON.parse(readFileSync(folder + name)) : null);

export const model = read('service-2.2025-01-24.json');
export const waiters = read('waiters-2.json')?.waiters;

// What is built beyond the model of January 2025.
if (model) {
  model.shapes.ValidationLevel = {
    type: 'string', enum: ['strict', 'structure-only', 'minimal'],
  };
  model.shapes.ImportJobProperties.members.ValidationLevel = { shape: 'ValidationLevel' };
}
// Errors that belong to the protocol and not to an operation.
const common = ['SerializationException', 'UnknownOperationException'];

// Throws when a response body does not keep to the operation's output shape.
export function checkResponse(operation, body) {
  if (model) checkShape(model, model.operations[operation].output.shape, body, operation);
}

// Throws when an operation may not answer with this exception.
export function checkError(operation, status, body) {
  const name = body.__type;
  assert.equal(typeof body.Message, 'string');
  assert.equal(status, name === 'InternalServerException' ? 500 : 400);
  if (!model || common.includes(name)) return;
  const names = model.operations[operation].errors.map((error) => error.shape);
  assert.ok(names.includes(name), `${operation} does not know ${name}`);
}
