import { parseDuration } from "../lib/duration.js";
import type { CheckContext, Report } from "./check-context.js";
import { checkGrant, traitsOfGrant } from "./check-grant.js";
import { checkHeaders } from "./check-headers.js";
import { defaults } from "./defaults.js";
import { type Json, type Path, property } from "./json.js";
import { reservedServerHeaders } from "./reserved.js";

/** Checks what a schema cannot express about a server. `shared` is the `defaults` of the config. */
export function checkServer(server: Json, path: Path, shared: Json | undefined, context: CheckContext): void {
  for (const name of ["url", "resourceMetadata"]) {
    context.checkUrl(server, path, name, "url");
  }
  const grant = property(server, "grant");
  checkGrant(grant, [...path, "grant"], context);
  const dpop = property(server, "dpop");
  if (dpop !== undefined) context.checkName(dpop, [...path, "dpop"], "key", "keys");
  if (dpop !== undefined && traitsOfGrant(grant)?.canBeBound === false) {
    context.report([...path, "dpop"], { atName: true, ...cannotBeBound });
  }
  if (dpop !== undefined && property(grant, "use") === "id_token") {
    context.report([...path, "dpop"], { atName: true, ...idTokenCannotBeBound });
  }
  checkSettings(server, path, shared, context);
}

/** Checks the `defaults` of the config. */
export function checkServerDefaults(shared: Json | undefined, context: CheckContext): void {
  checkSettings(shared, ["defaults"], undefined, context);
}

/**
 * Checks the settings of a server or of `defaults`. `inherited` is the `defaults` that the settings of a server add to.
 */
function checkSettings(
  settings: Json | undefined,
  path: Path,
  inherited: Json | undefined,
  context: CheckContext,
): void {
  const [headers, refresh] = [property(settings, "headers"), property(settings, "refresh")];
  if (headers !== undefined) checkHeaders(headers, [...path, "headers"], reservedServerHeaders, context);
  if (refresh !== undefined) checkRefresh(refresh, [...path, "refresh"], context);
  const retry = property(settings, "retry");
  if (retry !== undefined) checkRetry(retry, [...path, "retry"], property(inherited, "retry"), context);
}

function checkRefresh(refresh: Json, path: Path, context: CheckContext): void {
  context.checkOnce(refresh, path, "schedule", findScheduleProblem);
  context.checkOnce(refresh, path, "timezone", findTimezoneProblem);
}

function checkRetry(retry: Json, path: Path, inherited: Json | undefined, context: CheckContext): void {
  const own = { min: property(retry, "min"), max: property(retry, "max") };
  const effective = (name: "min" | "max"): number | undefined => {
    const value = own[name] ?? property(inherited, name);
    if (value === undefined) return defaults.retry[name];
    return typeof value === "string" ? parseDuration(value) : undefined;
  };
  const [min, max] = [effective("min"), effective("max")];
  if (min === undefined || max === undefined || min <= max) return;
  // If both are inherited, the mistake is reported in `defaults`.
  if (own.min !== undefined) context.report([...path, "min"], minOverMax);
  else if (own.max !== undefined) context.report([...path, "max"], maxUnderMin);
}

async function findScheduleProblem(schedule: string): Promise<Report | undefined> {
  return (await import("./check-cron.js")).findCronProblem(schedule);
}

function findTimezoneProblem(name: string): Report | undefined {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return notTimezone;
    throw error;
  }
}

const cannotBeBound = {
  message: "A static token cannot be bound to a key: it was issued without one",
  hint: "Remove `dpop`, or use another grant",
};

const idTokenCannotBeBound = {
  message: "An ID token cannot be bound to a key",
  hint: "Remove `dpop`, or remove `use` from the grant",
};

const notTimezone = {
  message: "Must be an IANA time zone",
  hint: 'For example "UTC" or "Europe/Berlin"',
};

const minOverMax = {
  message: "Must not be longer than `max`",
  hint: "The default of `max` is 10s",
};

const maxUnderMin = {
  message: "Must not be shorter than `min`",
  hint: "The default of `min` is 250ms",
};
