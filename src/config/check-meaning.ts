import { parseDuration } from "../lib/duration.js";
import { nearNames } from "../lib/near-names.js";
import { builtIn } from "./built-in.js";
import { checkUrl } from "./check-url.js";
import { isValidCron } from "./is-valid-cron.js";
import { isObject, type Json, type Mistake, type Path, property } from "./source-document.js";

export interface Meaning {
  readonly mistakes: readonly Mistake[];
  /** `http:` URLs off loopback. They do not break the config, only the servers that use them. */
  readonly insecure: readonly Mistake[];
}

/**
 * What a schema cannot say. Takes a config that the schema may have found fault with, and passes over what is not
 * of the right type; `isOpen` says of a place that its `${…}` is not filled in.
 */
export async function checkMeaning(config: Json, isOpen: (path: Path) => boolean): Promise<Meaning> {
  const mistakes: Mistake[] = [];
  const insecure: Mistake[] = [];
  const text = (value: Json | undefined, path: Path): string | undefined => {
    return typeof value === "string" && !isOpen(path) ? value : undefined;
  };
  const url = (value: Json | undefined, path: Path, what: "url" | "issuer"): void => {
    const written = text(value, path);
    const finding = written === undefined ? undefined : checkUrl(written, what);
    if (finding !== undefined) (finding.insecure ? insecure : mistakes).push({ path, ...finding.mistake });
  };
  const reference = (value: Json | undefined, path: Path, among: "clients" | "keys"): void => {
    const name = text(value, path);
    const names = entries(property(config, among)).map(([each]) => each);
    if (name === undefined || name === "" || names.includes(name)) return;
    mistakes.push({ path, ...undefinedName(name, names, among) });
  };

  const client = (value: Json | undefined, path: Path): void => {
    if (!isObject(value)) return;
    url(property(value, "issuer"), [...path, "issuer"], "issuer");
    reference(property(value, "key"), [...path, "key"], "keys");
    const method = text(property(value, "method"), [...path, "method"]);
    const contradiction = method === undefined ? undefined : contradicts(method, value);
    if (contradiction !== undefined) mistakes.push({ path: [...path, "method"], ...contradiction });
  };
  const headers = (value: Json | undefined, path: Path): void => {
    const seen = new Set<string>();
    for (const [name] of entries(value)) {
      const lower = name.toLowerCase();
      const mistake = seen.has(lower) ? twice : reserved(lower);
      if (mistake !== undefined) mistakes.push({ path: [...path, name], atName: true, ...mistake });
      seen.add(lower);
    }
  };
  const refresh = async (value: Json | undefined, path: Path): Promise<void> => {
    const schedule = text(property(value, "schedule"), [...path, "schedule"]);
    if (schedule !== undefined && schedule !== "" && !(await isValidCron(schedule))) {
      mistakes.push({ path: [...path, "schedule"], ...notCron });
    }
    const timezone = text(property(value, "timezone"), [...path, "timezone"]);
    if (timezone !== undefined && timezone !== "" && !isTimezone(timezone)) {
      mistakes.push({ path: [...path, "timezone"], ...notTimezone });
    }
  };
  const defaults = property(config, "defaults");
  const retry = (value: Json | undefined, path: Path, fallback: Json | undefined): void => {
    const own = { min: property(value, "min"), max: property(value, "max") };
    const bound = (name: "min" | "max"): number | undefined => {
      const written = own[name] ?? property(fallback, name);
      if (written === undefined) return builtIn.retry[name];
      return typeof written === "string" ? parseDuration(written) : undefined;
    };
    const [min, max] = [bound("min"), bound("max")];
    if (min === undefined || max === undefined || min <= max) return;
    // What only the defaults say is reported there.
    if (own.min !== undefined) mistakes.push({ path: [...path, "min"], ...minOverMax });
    else if (own.max !== undefined) mistakes.push({ path: [...path, "max"], ...maxUnderMin });
  };
  const common = async (value: Json | undefined, path: Path, fallback: Json | undefined): Promise<void> => {
    headers(property(value, "headers"), [...path, "headers"]);
    await refresh(property(value, "refresh"), [...path, "refresh"]);
    retry(property(value, "retry"), [...path, "retry"], property(fallback, "retry"));
  };

  await common(defaults, ["defaults"], undefined);
  for (const [name, value] of entries(property(config, "clients"))) client(value, ["clients", name]);
  for (const [name, value] of entries(property(config, "servers"))) {
    const path = ["servers", name];
    url(property(value, "url"), [...path, "url"], "url");
    const used = property(property(value, "grant"), "client");
    reference(used, [...path, "grant", "client"], "clients");
    client(used, [...path, "grant", "client"]);
    await common(value, path, defaults);
  }
  return { mistakes, insecure };
}

function entries(value: Json | undefined): readonly (readonly [string, Json])[] {
  return isObject(value) ? Object.entries(value) : [];
}

function undefinedName(name: string, names: readonly string[], among: "clients" | "keys") {
  const [near] = nearNames(name, names);
  const known = names.length === 0 ? `There are no \`${among}\`` : `\`${among}\` has: ${names.join(", ")}`;
  return {
    message: `Must be the name of one of the \`${among}\``,
    hint: near === undefined ? known : `Did you mean "${near}"?`,
    ...(near !== undefined && { fix: { kind: "text", to: near } as const }),
  };
}

function contradicts(method: string, client: Json): Omit<Mistake, "path"> | undefined {
  const hasSecret = property(client, "secret") !== undefined;
  const hasKey = property(client, "key") !== undefined;
  if (method.startsWith("client_secret_") && !hasSecret) return { message: `This method needs a \`secret\`` };
  if (method === "private_key_jwt" && !hasKey) return { message: "This method needs a `key`" };
  if (method === "none" && (hasSecret || hasKey)) {
    return {
      message: 'The method "none" is for clients without a credential',
      hint: "Remove one of the two",
    };
  }
  return undefined;
}

// Headers of the connection belong to whoever makes the connection.
const ofTheConnection = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);

function reserved(name: string): Omit<Mistake, "path"> | undefined {
  if (name === "authorization") {
    const hint = 'For a token that you have already, use the grant { "type": "static", "token": … }';
    return { message: "The header Authorization is set by this package", hint };
  }
  return ofTheConnection.has(name) ? { message: "This header cannot be set" } : undefined;
}

const twice = {
  message: "This header is here for the second time",
  hint: "Their names are compared without case",
};

const notCron = {
  message: "Must be a cron expression of five fields, or six with seconds first",
  hint: 'For example "*/10 * * * *", every ten minutes',
};

const notTimezone = {
  message: "Must be an IANA time zone",
  hint: 'For example "UTC" or "Europe/Berlin"',
};

const minOverMax = {
  message: "The shortest pause is longer than the longest one, `max`",
  hint: "`max` is 10s where nothing sets it",
};
const maxUnderMin = {
  message: "The longest pause is shorter than the shortest one, `min`",
  hint: "`min` is 250ms where nothing sets it",
};

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
