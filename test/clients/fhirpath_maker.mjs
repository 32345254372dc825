// Makes random FHIRPath expressions that make sense for given resources: their paths are taken from
// the resources' own members.
import r4 from 'fhirpath/fhir-context/r4/index.js';

// Small and repeatable (xorshift32).
export class Random {
  constructor(seed) { this.state = (seed >>> 0) || 1; }

  next() {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    this.state >>>= 0;
    return this.state;
  }

  below(n) { return this.next() % n; }

  pick(list) { return list[this.below(list.length)]; }

  chance(percent) { return this.below(100) < percent; }
}

const CHOICES = new Set(Object.keys(r4.choiceTypePaths).map((path) => path.split('.').pop()));

const CHOICE_TYPES = new Set(Object.values(r4.choiceTypePaths).flat()
  .map((type) => type[0].toUpperCase() + type.slice(1)));

// "valueQuantity" is written `value`.
function pathName(key) {
  for (const choice of CHOICES) {
    if (key.startsWith(choice) && CHOICE_TYPES.has(key.slice(choice.length))) return choice;
  }
  return key;
}

function kindOf(value, key) {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'number') return 'number';
  if (typeof value !== 'string') return 'object';
  if (/(DateTime|Instant)$/.test(key) || ['start', 'end', 'issued', 'recordedDate', 'authoredOn',
    'created', 'occurrenceDateTime'].includes(key)) return 'dateTime';
  if (['birthDate'].includes(key)) return 'date';
  return 'string';
}

export class PathMaker {
  constructor(random, resources) {
    this.random = random;
    this.resources = resources;
  }

  // A path through a resource that has it: { text, kind, value, rest } where `value` is one of its
  // values.
  path(from = undefined) {
    const { random } = this;
    let value = from ?? random.pick(this.resources);
    const names = [];
    let kind = 'object';
    for (let depth = 0; depth < 5; depth += 1) {
      const keys = Object.keys(value).filter((key) => !key.startsWith('_')
        && !['resourceType', 'contained', 'div', 'extension', 'text'].includes(key));
      if (keys.length === 0) break;
      const key = random.pick(keys);
      names.push(pathName(key));
      value = value[key];
      while (Array.isArray(value)) value = random.pick(value);
      kind = kindOf(value, key);
      if (kind !== 'object' || random.chance(15)) break;
    }
    return { text: names.join('.'), kind, value };
  }

  ofKind(kinds, from = undefined) {
    for (let attempt = 0; attempt < 60; attempt += 1) {
      const path = this.path(from);
      if (kinds.includes(path.kind) && path.text !== '') return path;
    }
    return undefined;
  }

  text(value) { return `'${String(value).replace(/[\\'`"]/g, (c) => `\\${c}`)}'`; }

  // One item at most.
  one(path) { return `${path.text}.first()`; }

  number(depth = 0) {
    const { random } = this;
    const path = random.chance(40) ? this.ofKind(['number']) : undefined;
    const leaf = () => random.pick([
      () => String(random.below(50)),
      () => `${random.below(50)}.${random.below(10)}${random.below(9) + 1}`,
      () => `${this.path().text}.count()`,
      () => `${(this.ofKind(['string']) ?? { text: 'id' }).text}.first().length()`,
      () => (path ? this.one(path) : '7'),
    ])();
    if (depth > 2 || random.chance(30)) return leaf();
    return random.pick([
      () => `(${this.number(depth + 1)} + ${this.number(depth + 1)})`,
      () => `(${this.number(depth + 1)} - ${this.number(depth + 1)})`,
      () => `(${this.number(depth + 1)} * ${this.number(depth + 1)})`,
      () => `(${this.number(depth + 1)} / ${this.number(depth + 1)})`,
      () => `(${leaf()} mod ${random.below(9) + 1})`,
      () => `(${leaf()} div ${random.below(9) + 1})`,
      () => `(-${leaf()})`,
      () => `(${this.number(depth + 1)}).abs()`,
      () => `(${this.number(depth + 1)}).${random.pick(['floor', 'ceiling', 'truncate'])}()`,
      () => `(${leaf()}).sqrt()`,
    ])();
  }

  string(depth = 0) {
    const { random } = this;
    const path = this.ofKind(['string']);
    const leaf = path && random.chance(75) ? this.one(path) : this.text(random.pick(['abc', 'Ab c', '']));
    if (depth > 2 || random.chance(40)) return leaf;
    const inner = `${this.string(depth + 1)}`;
    return random.pick([
      () => `(${inner} & ${leaf})`,
      () => `(${inner} + ${leaf})`,
      () => `(${inner}).${random.pick(['upper', 'lower', 'trim', 'toString'])}()`,
      () => `(${inner}).substring(${random.below(6)})`,
      () => `(${inner}).substring(${random.below(6)}, ${random.below(5) + 1})`,
      () => `(${inner}).replace('${random.pick(['a', 'e', '-', '1'])}', '${random.pick(['', 'x', 'yz'])}')`,
      () => `(${inner}).replaceMatches('[${random.pick(['aeiou', '0-9', '-'])}]', '_')`,
      () => `(${inner}).split('${random.pick(['-', 'e', ' '])}').${random.pick(['first', 'last'])}()`,
      () => `iif(${this.boolean(depth + 2)}, ${inner}, ${leaf})`,
    ])();
  }

  time() {
    const { random } = this;
    const path = this.ofKind(['dateTime', 'date']);
    const amount = `${random.below(40) + 1} ${random.pick(['years', 'months', 'weeks', 'days'])}`;
    const base = path && random.chance(70) ? this.one(path) : `@20${10 + random.below(15)}-0${random.below(9) + 1}-1${random.below(9)}`;
    return random.chance(50) ? base : `(${base} ${random.pick(['+', '-'])} ${amount})`;
  }

  condition(path) {
    const { random } = this;
    if (path.kind === 'object') {
      const inner = this.ofKind(['string', 'number', 'boolean'], path.value);
      if (inner === undefined) return '$this.exists()';
      return random.pick([
        () => `${inner.text} = ${this.literal(inner)}`,
        () => `${inner.text}.exists()`,
        () => `${inner.text}.first() != ${this.literal(inner)}`,
        () => `${inner.text}.count() > ${random.below(2)}`,
        () => `${inner.text} ~ ${this.literal(inner)}`,
      ])();
    }
    if (path.kind === 'string') return `$this.${random.pick(['contains', 'startsWith', 'endsWith'])}('${random.pick(['a', 'e', '1', 'H'])}')`;
    if (path.kind === 'number') return `$this > ${random.below(100)}`;
    return '$this.exists()';
  }

  literal(path) {
    return path.kind === 'string' ? this.text(path.value) : String(path.value);
  }

  collection(depth = 0) {
    const { random } = this;
    const path = this.path();
    if (depth > 1 || random.chance(25)) return path.text;
    const base = random.chance(70) ? path.text : `(${this.collection(depth + 1)})`;
    const own = base === path.text;
    return random.pick([
      () => (own ? `${base}.where(${this.condition(path)})` : base),
      () => `${base}.${random.pick(['first', 'last', 'tail', 'distinct'])}()`,
      () => `${base}.${random.pick(['skip', 'take'])}(${random.below(4)})`,
      () => `(${base} | ${this.collection(depth + 1)})`,
      () => `${base}.combine(${this.collection(depth + 1)})`,
      () => `${base}.${random.pick(['intersect', 'exclude'])}(${this.collection(depth + 1)})`,
      () => (own && path.kind === 'object' ? `${base}.select(${this.path(path.value).text || '$this'})` : base),
      () => `${base}[${random.below(3)}]`,
    ])();
  }

  boolean(depth = 0) {
    const { random } = this;
    const path = this.path();
    const leaf = () => random.pick([
      () => `${this.collection(1)}.${random.pick(['exists', 'empty', 'isDistinct'])}()`,
      () => `${this.collection(1)}.count() ${random.pick(['>', '<', '=', '!=', '>=', '<='])} ${random.below(4)}`,
      () => `${path.text}.all(${this.condition(path)})`,
      () => `${path.text}.exists(${this.condition(path)})`,
      () => `${this.string(2)} ${random.pick(['=', '!=', '~', '!~', '<', '>='])} ${this.string(2)}`,
      () => `${this.number(2)} ${random.pick(['=', '!=', '<', '>', '<=', '>='])} ${this.number(2)}`,
      () => `${this.time()} ${random.pick(['=', '!=', '<', '>', '<=', '>='])} ${this.time()}`,
      () => `(${this.string(2)}).${random.pick(['contains', 'startsWith', 'endsWith', 'matches'])}('${random.pick(['a', 'e', '1'])}')`,
      () => `${path.text}.subsetOf(${this.collection(1)})`,
      () => `(${this.string(2)} in ${this.collection(1)})`,
      () => `${path.text}.first() is ${random.pick(['string', 'code', 'CodeableConcept', 'Reference', 'Quantity', 'FHIR.dateTime', 'System.String', 'BackboneElement'])}`,
      () => '{}',
    ])();
    if (depth > 1 || random.chance(50)) return leaf();
    return random.pick([
      () => `(${this.boolean(depth + 1)} ${random.pick(['and', 'or', 'xor', 'implies'])} ${this.boolean(depth + 1)})`,
      () => `(${this.boolean(depth + 1)}).not()`,
      () => `iif(${this.boolean(depth + 1)}, ${this.boolean(depth + 1)}, ${this.boolean(depth + 1)})`,
    ])();
  }

  make() {
    return this.random.pick([
      () => this.collection(), () => this.collection(), () => this.boolean(), () => this.number(),
      () => this.string(), () => this.time(),
      () => `${this.collection()}.count()`,
      () => `${this.path().text}.descendants().count()`,
      // The other engine takes `id` for a System.String, and 5.0 for an Integer.
      () => `${this.path().text.replace(/\bid$/, 'meta')}.type().name`,
      () => `${this.ofKind(['string', 'boolean'])?.text ?? 'id'}.first().${this.random.pick(['toInteger', 'convertsToInteger'])}()`,
      () => `${this.ofKind(['string', 'number', 'boolean'])?.text ?? 'id'}.first().${this.random.pick(['toString', 'toDecimal', 'convertsToDate'])}()`,
    ])();
  }
}
