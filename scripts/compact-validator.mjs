// What ajv writes carries with each error all that any user of ajv may want to know. A start pays for every byte of
// it, though most configs are right: here the code that finds errors is parted from what says more of them, which is
// loaded once there is one.

/** Of a part of the schema, what messages are made of. */
const told = ["title", "errorMessage", "patternErrorMessage", "enum", "properties"];
/** The keywords whose `params` are read. */
const withParams = new Set(["additionalProperties", "required", "type", "minimum", "maximum", "uniqueItems"]);

/**
 * @param {string} code as ajv's standalone mode writes it, with `lines` and `verbose`
 * @returns {{ code: string, parts: object[] }} `part` of an error is an index of `parts`
 */
export function compactValidator(code) {
  const schemas = new Map(
    [...code.matchAll(/^const (schema\d+) = (\{.*\});$/gm)].map(([, name, json]) => [name, JSON.parse(json)]),
  );
  const parts = [];
  const partAt = (expression) => {
    const part = JSON.stringify(toldOf(partOf(expression, schemas)));
    if (!parts.includes(part)) parts.push(part);
    return parts.indexOf(part);
  };
  const replaced = replaceAll(code, [
    [
      errors,
      (_all, _name, path, keyword, params, part, data, propertyName) => {
        const given = withParams.has(keyword) ? params : "{}";
        const values = [path ?? "instancePath", `"${keyword}"`, given, partAt(part), data ?? "data"];
        return `vErrors = fail(vErrors, ${[...values, ...(propertyName ? [propertyName] : [])].join(", ")});\n`;
      },
    ],
    // ajv copies what it has found so far for each part with a mistake; of thousands, that takes minutes.
    [/vErrors === null \? (\w+)\.errors : vErrors\.concat\(\1\.errors\)/g, "append(vErrors, $1.errors)"],
    [
      /\{instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors=\{\}\}=\{\}/g,
      'instancePath=""',
    ],
    [/\{instancePath:(.+?),parentData:data\d*,parentDataProperty:.+?,rootData,dynamicAnchors\}/g, "$1"],
    [/\{instancePath,parentData,parentDataProperty,rootData,dynamicAnchors\}/g, "instancePath"],
  ]);
  const leftOver = /evaluated|dynamic|parentData|rootData|schemaPath|concat\(/.exec(replaced);
  if (leftOver !== null) throw new Error(`ajv writes "${leftOver[0]}" in another way than it did.`);
  return { code: `${helpers}\n${replaced}`, parts: parts.map((part) => JSON.parse(part)) };
}

const errors =
  /^const err(\d+) = \{instancePath(?::(.+?))?,schemaPath:".*?",keyword:"(\w+)",params:(\{.*\}),schema:.*,parentSchema:([^\s,]+),data(?::(.+?))?(?:,propertyName:(\w+))?\};\nif\(vErrors === null\)\{\nvErrors = \[err\1\];\n\}\nelse \{\nvErrors\.push\(err\1\);\n\}\n/gm;

const helpers = `
const append = (all, more) => {
  if (all === null) return more;
  for (const one of more) all.push(one);
  return all;
};
const fail = (all, instancePath, keyword, params, part, data, propertyName) =>
  append(all, [{ instancePath, keyword, params, part, data, propertyName }]);
`;

function replaceAll(code, replacements) {
  return replacements.reduce((text, [pattern, replacement]) => {
    if (text.search(pattern) === -1) throw new Error(`ajv does not write what was looked for: ${pattern}`);
    return text.replaceAll(pattern, replacement);
  }, code);
}

/** Of an expression such as `schema24.items["$ref"]`. */
function partOf(expression, schemas) {
  const [name, ...path] = expression.match(/\w+|\["(?:[^"\\]|\\.)*"\]|\[\d+\]|\$\w+/g) ?? [];
  return path.reduce(
    (value, step) => value[step.startsWith("[") ? JSON.parse(step)[0] : step],
    schemas.get(name),
  );
}

/** Of properties the names alone. */
function toldOf(schema) {
  const entries = told.filter((name) => name in schema).map((name) => [name, schema[name]]);
  const part = Object.fromEntries(entries);
  if (part.properties) part.properties = Object.keys(part.properties);
  return part;
}
