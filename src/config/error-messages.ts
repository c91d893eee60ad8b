import { nearNames } from "../lib/near-names.js";
import type { PartTitle, SchemaError } from "./definitions.js";
import { definitions, grantTitles, tokenTypes } from "./generated/definitions.js";
import { article, describeFound, listInWords, typesInWords } from "./in-words.js";
import { fromPointer, type Path } from "./json.js";
import { literalSecretHint } from "./literal-secret.js";
import { isAboutSources, missingNameOf, type RootCause, unknownNameOf } from "./root-causes.js";
import type { Mistake } from "./source-document.js";
import { propertiesOf } from "./validator-errors.js";
import { foreignVariable, nameHint, variableMeant } from "./variable-spelling.js";

/** A mistake that the schema found. Two mistakes with one path and one rule are the same. */
export interface SchemaMistake extends Mistake {
  readonly rule: string;
}

type Titles = ReadonlySet<PartTitle | undefined>;

// A string in place of one of these is probably the secret itself.
const referenceTitles: Titles = new Set(["SecretReference", "Assertion", "SubjectToken"]);
const requiredLists: Titles = new Set(["Command", "EncryptionKeys", "SentinelNodes"]);
// A value of the wrong type under one of these names may be a secret.
const referenceNames: ReadonlySet<string | undefined> = new Set([
  "env",
  "file",
  "exec",
  "resolver",
  "ref",
  "pointer",
]);

/**
 * Turns an error of the validator into a message and a hint for the person who wrote the config. `quotable` has the
 * paths of numbers and booleans that would be valid in quotes.
 */
export function messageFor(cause: RootCause, quotable: ReadonlySet<string>): SchemaMistake {
  const { error } = cause;
  const { keyword, params, propertyName, data } = error;
  const path = fromPointer(error.instancePath);
  const schema = error.parentSchema ?? {};
  const mistake = (message: string, hint?: string, at: Path = path, atName = false): SchemaMistake => {
    return { path: at, atName, message, ...(hint !== undefined && { hint }), rule: `${keyword} ${message}` };
  };
  // Comes first, because describing the whole object again for each of its unknown properties would be slow.
  if (keyword === "additionalProperties") return unknownProperty(cause, path);
  const found = `, found ${describeFound(data, mayBeSecret(path, schema.title))}`;

  if (propertyName !== undefined) {
    const message = schema.patternErrorMessage ?? "This name is not allowed";
    return mistake(message, undefined, [...path, propertyName], true);
  }
  switch (keyword) {
    case "required": {
      const name = missingNameOf(error);
      return mistake(`The property "${name}" is missing`, hintForMissing(name, error, path));
    }
    case "type":
      return quotable.has(error.instancePath)
        ? needsQuotes(error, path, describeFound(data, mayBeSecret(path, schema.title)))
        : wrongType(error, path, found);
    case "enum":
      return notInList(error, path, found);
    case "const":
      return mistake(withFound(schema.errorMessage ?? "Not allowed here", found));
    case "not":
      return notAllowed(error, path, found);
    case "pattern":
      return {
        ...mistake(withFound(schema.patternErrorMessage ?? "Has the wrong format", found)),
        ...adviceForPattern(error),
      };
    case "minLength":
      return mistake("Must not be empty");
    case "minItems":
      return mistake("Must not be empty", requiredLists.has(schema.title) ? undefined : "Omit it instead");
    case "uniqueItems": {
      const second = String(Math.max(params.i ?? 0, params.j ?? 0));
      return mistake("This is in the list twice", "Keep one of them", [...path, second]);
    }
    case "minimum":
      return mistake(`Must be at least ${String(params.limit)}${found}`);
    case "maximum":
      return mistake(`Must be at most ${String(params.limit)}${found}`);
    default:
      return mistake("Not allowed here");
  }
}

function unknownProperty({ error, intended, correctPlace }: RootCause, path: Path): SchemaMistake {
  const name = unknownNameOf(error);
  if (correctPlace !== undefined) {
    const names = correctPlace.names.map((each) => JSON.stringify(each));
    const message = `${listInWords(names)} ${names.length === 1 ? "belongs" : "belong"} ${correctPlace.where}`;
    const rule = `additionalProperties ${message}`;
    const at = { path: [...path, name], atName: true };
    return { ...at, message, rule, ...(correctPlace.hint !== undefined && { hint: correctPlace.hint }) };
  }
  const hint =
    intended === undefined
      ? `Allowed here: ${propertiesOf(error.parentSchema?.title).join(", ")}`
      : `Did you mean "${intended}"?`;
  // In YAML `secret:hunter2`, where a space is missing, is a name. It must not be shown.
  if (/[:=]/.test(name)) {
    const message = `Unknown property with a name of ${name.length} characters`;
    return { path, atName: true, message, hint, rule: `additionalProperties ${message}` };
  }
  const message = `Unknown property ${JSON.stringify(name)}`;
  const rule = `additionalProperties ${message}`;
  const mistake = { path: [...path, name], atName: true, message, hint, rule };
  return intended === undefined ? mistake : { ...mistake, fix: { kind: "name", to: intended } };
}

function wrongType({ params, parentSchema, data }: SchemaError, path: Path, found: string): SchemaMistake {
  const type = String(params.type);
  const allowed = parentSchema?.errorMessage ?? mustBe(parentSchema?.enum) ?? `Must be ${typesInWords(type)}`;
  const mistake = { path, atName: false, message: withFound(allowed, found), rule: "type" };
  if (typeof data !== "string") return mistake;
  if (type === "array" && parentSchema?.title !== "Command") {
    return { ...mistake, hint: 'Write a list, with each value as a separate item: ["first", "second"]' };
  }
  if (!referenceTitles.has(parentSchema?.title)) return mistake;
  const variable = variableMeant(data);
  return {
    ...mistake,
    hint: literalSecretHint(path, data),
    ...(variable !== undefined && { fix: { kind: "reference", to: variable } as const }),
  };
}

/** A number, or `true` or `false`, in place of a text that looks like one: an id with digits alone, for example. */
function needsQuotes(error: SchemaError, path: Path, found: string): SchemaMistake {
  const mistake = wrongType(error, path, `, found ${found}`);
  const isShown = !mayBeSecret(path, error.parentSchema?.title);
  return { ...mistake, fix: { kind: "quote", ...(isShown && { found }) } };
}

// Registered JOSE algorithms that a key here cannot have. Their names are close to supported ones, but are not
// misspellings.
const otherAlgorithms = /^(HS(256|384|512)|ES256K|Ed448|ML-DSA-\d\d)$/i;

/** Shows the value only if it is close to an allowed one, because any other may be a secret. */
function notInList({ parentSchema, data }: SchemaError, path: Path, found: string): SchemaMistake {
  const values = parentSchema?.enum ?? [];
  const allowed = mustBe(values) ?? "Not allowed here";
  const mistake = { path, atName: false, rule: "enum" };
  const shown = `${allowed}, found ${JSON.stringify(data)}`;
  if (values.includes("RS256") && typeof data === "string" && otherAlgorithms.test(data)) {
    return { ...mistake, message: shown, ...(/^hs/i.test(data) && { hint: signsWithSecret }) };
  }
  const [near] = typeof data === "string" ? nearNames(data, values.map(String)) : [];
  if (near === undefined) {
    const message = `${allowed}${found}`;
    const variable = typeof data === "string" && variableMeant(data) ? foreignVariable(data) : undefined;
    if (variable !== undefined) return { ...mistake, ...variable, message };
    return { ...mistake, message, ...(values.includes("extension") && { hint: otherGrant }) };
  }
  return { ...mistake, message: shown, hint: `Did you mean "${near}"?`, fix: { kind: "text", to: near } };
}

const otherGrant = 'A grant type that is not in this list is { "type": "extension", "grantType": … }';

const signsWithSecret =
  "This algorithm signs with a secret: give the client a `secret`, and the method client_secret_jwt";

function notAllowed(error: SchemaError, path: Path, found: string): SchemaMistake {
  const message = error.parentSchema?.errorMessage ?? "Not allowed here";
  if (!isAboutSources(error)) return { path, atName: true, message, rule: "not" };
  const mistake = { path, atName: false, rule: "sources" };
  return error.parentSchema?.title === "NoSource"
    ? { ...mistake, message: withFound(message, found) }
    : { ...mistake, message, hint: "Keep one of the two" };
}

function mustBe(values: readonly unknown[] | undefined): string | undefined {
  if (values === undefined) return undefined;
  const list = values.map((value) => JSON.stringify(value)).join(", ");
  return `Must be ${values.length > 1 ? "one of " : ""}${list}`;
}

/**
 * Adds to a message what was found: at the end of what the value must be, before more sentences. A message that says
 * what a thing is, such as "A scope is …", gets nothing.
 */
function withFound(message: string, found: string): string {
  if (/^(An?|The) /.test(message)) return message;
  const end = message.search(/[.;] /);
  return end === -1 ? `${message}${found}` : `${message.slice(0, end)}${found}${message.slice(end)}`;
}

/** Returns what to write, and a message that says more than the schema does. */
function adviceForPattern({
  parentSchema,
  data,
}: SchemaError): Pick<SchemaMistake, "hint" | "fix" | "rule"> & Partial<Pick<SchemaMistake, "message">> {
  const rule = "pattern";
  if (typeof data !== "string") return { rule };
  if (parentSchema?.title === "VariableName") {
    const advice = nameHint(data);
    const message = advice.hint === undefined ? undefined : parentSchema.patternErrorMessage;
    return { rule, ...advice, ...(message !== undefined && { message }) };
  }
  const [near] = parentSchema?.title === "TokenType" ? nearNames(data, tokenTypes) : [];
  if (near !== undefined) return { rule, hint: `Did you mean "${near}"?`, fix: { kind: "text", to: near } };
  const isPath = parentSchema?.title === "Path";
  if (isPath && data.startsWith("~")) {
    const hint = "Write an absolute path, or one relative to the config file";
    return { rule, message: "`~` is not expanded in a path", hint };
  }
  const { message, hint, fix } = foreignVariable(data) ?? {};
  return {
    rule,
    ...(isPath && message !== undefined && { message }),
    ...(hint !== undefined && { hint }),
    ...(fix !== undefined && { fix }),
  };
}

function hintForMissing(name: string, { parentSchema, data }: SchemaError, path: Path): string | undefined {
  switch (parentSchema?.title) {
    case "UndecidedGrant":
      return hintForGrantType(data);
    case "ExchangeOfSubject":
      return "Or give `params` a `subject_token` and a `subject_token_type`";
    case "SubjectParams":
      return "A token exchange without `subject` needs both parameters";
    case "ClientWithCredential":
      return "Only a client without a credential can omit it";
    case "PrivateKey":
      return "A key that never leaves a KMS or HSM has a `signer` instead";
    case "KeyWithCertificateHeaders":
      return "`certificateHeaders` says how the `certificate` of the key is sent";
    case "SignerKey":
      return "A `signer` does not say which algorithm it signs with";
    case "Client":
      if (name !== "issuer") break;
      return "A credential is sent only to the authorization server that it is registered at";
  }
  if (name === "id" && path[0] === "clients") {
    return "Only a client inside of a jwt_bearer or token_exchange grant can omit it";
  }
  return undefined;
}

/** Finds the grant type that was meant: the one that has a property which no other type has. */
function hintForGrantType(grant: unknown): string | undefined {
  if (typeof grant !== "object" || grant === null) return undefined;
  for (const name of Object.keys(grant)) {
    const [type, ...others] = Object.entries(grantTitles).flatMap(([type, title]) => {
      const { properties }: { readonly properties: readonly string[] } = definitions[title];
      return properties.includes(name) ? [type] : [];
    });
    if (type === undefined || others.length > 0) continue;
    return `A grant with ${article(name)} "${name}" is { "type": "${type}", "${name}": … }`;
  }
  return undefined;
}

function mayBeSecret(path: Path, title: PartTitle | undefined): boolean {
  if (path.at(-2) === "exec" || referenceNames.has(path.at(-1))) return true;
  return title === "HeaderValue" || title === "ParamValue" || referenceTitles.has(title);
}
