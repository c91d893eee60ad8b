import { parseDuration } from "../lib/duration.js";
import { type CheckContext, entries } from "./check-context.js";
import { checkCron } from "./check-cron.js";
import { checkGrant } from "./check-grant.js";
import { defaults } from "./defaults.js";
import { reservedHeaders } from "./reserved.js";
import { type Json, type Mistake, type Path, property } from "./source-document.js";

/** Checks what a schema cannot say of a server. `shared` is the `defaults` of the config. */
export async function checkServer(
  server: Json,
  path: Path,
  shared: Json | undefined,
  context: CheckContext,
): Promise<void> {
  for (const name of ["url", "resourceMetadata"]) context.url(property(server, name), [...path, name], "url");
  const grant = property(server, "grant");
  checkGrant(grant, [...path, "grant"], context);
  const dpop = property(server, "dpop");
  context.name(property(dpop, "key"), [...path, "dpop", "key"], "keys");
  if (dpop !== undefined && property(grant, "type") === "static") {
    context.report([...path, "dpop"], { atName: true, ...notBound });
  }
  await checkLeaves(server, path, shared, context);
}

/** What a server and the defaults have in common. */
export async function checkLeaves(
  value: Json | undefined,
  path: Path,
  fallback: Json | undefined,
  context: CheckContext,
): Promise<void> {
  checkHeaders(property(value, "headers"), [...path, "headers"], context);
  await checkRefresh(property(value, "refresh"), [...path, "refresh"], context);
  checkRetry(property(value, "retry"), [...path, "retry"], property(fallback, "retry"), context);
}

function checkHeaders(headers: Json | undefined, path: Path, context: CheckContext): void {
  const seen = new Set<string>();
  for (const [name] of entries(headers)) {
    const lower = name.toLowerCase();
    const mistake = seen.has(lower) ? twice : reserved(lower);
    if (mistake !== undefined) context.report([...path, name], { atName: true, ...mistake });
    seen.add(lower);
  }
}

async function checkRefresh(refresh: Json | undefined, path: Path, context: CheckContext): Promise<void> {
  const schedule = context.text(property(refresh, "schedule"), [...path, "schedule"]);
  const mistake = schedule === undefined || schedule === "" ? undefined : await checkCron(schedule);
  if (mistake !== undefined) context.report([...path, "schedule"], mistake);
  const timezone = context.text(property(refresh, "timezone"), [...path, "timezone"]);
  if (timezone !== undefined && timezone !== "" && !isTimezone(timezone)) {
    context.report([...path, "timezone"], notTimezone);
  }
}

function checkRetry(
  retry: Json | undefined,
  path: Path,
  fallback: Json | undefined,
  context: CheckContext,
): void {
  const own = { min: property(retry, "min"), max: property(retry, "max") };
  const bound = (name: "min" | "max"): number | undefined => {
    const written = own[name] ?? property(fallback, name);
    if (written === undefined) return defaults.retry[name];
    return typeof written === "string" ? parseDuration(written) : undefined;
  };
  const [min, max] = [bound("min"), bound("max")];
  if (min === undefined || max === undefined || min <= max) return;
  // What only the defaults say is reported there.
  if (own.min !== undefined) context.report([...path, "min"], minOverMax);
  else if (own.max !== undefined) context.report([...path, "max"], maxUnderMin);
}

function reserved(name: string): Omit<Mistake, "path"> | undefined {
  if (name === "authorization") {
    const hint = 'For a token that you have already, use the grant { "type": "static", "token": … }';
    return { message: "The header Authorization is set by this package", hint };
  }
  return reservedHeaders.has(name) ? { message: "This header cannot be set" } : undefined;
}

const notBound = {
  message: "A static token is what it is, and cannot be bound to a key",
  hint: "Remove `dpop`, or use another grant",
};

const twice = {
  message: "This header is here for the second time",
  hint: "Their names are compared without case",
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
