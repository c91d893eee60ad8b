import type { RefreshTokenSpec, ServerSpec } from "../../config/spec.js";
import { McpAuthError, type TokenManager } from "../../index.js";
import { printable } from "../../lib/printable.js";
import type { DeviceAuthorization } from "../../oauth/device-flow/device-authorization.js";
import { findSignIn, type WantedSignIn } from "../../oauth/device-flow/find-sign-in.js";
import { requestDeviceCode } from "../../oauth/device-flow/request-device-code.js";
import type { SignedInUser } from "../../oauth/device-flow/signed-in-user.js";
import { waitForSignIn } from "../../oauth/device-flow/wait-for-sign-in.js";
import { internalsOf } from "../../runtime/manager-internals.js";
import { noStore } from "../options.js";
import type { Printer } from "../print.js";

/** What a sign-in prints with, and how it waits. */
interface SignInIo {
  readonly print: Pick<Printer, "note">;
  readonly signal: AbortSignal;
  /** Shows what it waits for. */
  readonly waitFor: <T>(what: string, work: Promise<T>) => Promise<T>;
}

/** What a program can read about a sign-in. All texts but the first three are those of the server. */
interface SignInReport {
  readonly server: string;
  readonly issuer: string;
  readonly clientId: string | null;
  readonly scopes: readonly string[];
  /** `null` if the server does not say it. */
  readonly user: SignedInUser | null;
  /** Milliseconds since the epoch, `null` if the server does not say it. */
  readonly refreshTokenExpiresAt: number | null;
  /** Whether the store had the refresh token of an earlier sign-in. */
  readonly replaced: boolean;
}

/**
 * Lets a person sign in with a code, on any device (RFC 8628), and puts the refresh token into the store. Shows before
 * the first request what the person is asked for.
 *
 * Rejects with `config_invalid` for another grant, with `store_unavailable` before anything is sent, and with the codes
 * of `findSignIn`, `requestDeviceCode` and `waitForSignIn`.
 */
export async function signIn(manager: TokenManager, io: SignInIo): Promise<SignInReport> {
  const { print, signal, waitFor } = io;
  const internals = internalsOf(manager);
  const warn = (_code: string, message?: string): void => {
    if (message !== undefined) print.note(`warning: ${message}`);
  };
  const attempt = internals.attempt({ signal, warn });
  const { server, spec, clock } = attempt;
  const { grant } = spec;
  if (grant.type !== "refresh_token") throw otherGrant(server, grant.type);
  const { store } = internals;
  if (store === undefined) throw noStore();
  const { issuer, id } = grant.client;
  print.note(summary(spec, grant));
  const replaced = await waitFor("Opening the store", store.hasRefreshToken(signal));
  const wanted = await waitFor(
    "Reading the metadata of the authorization server",
    findSignIn(grant, attempt),
  );
  printLearned(wanted, grant, spec, print);
  const requestedAt = clock.now();
  const code = await waitFor(
    `Asking ${printable(issuer)} for a code`,
    requestDeviceCode(grant, wanted, attempt),
  );
  print.note(instructions(code));
  const authorization = { ...code, requestedAt };
  const signedIn = await waitFor(
    "Waiting until somebody has signed in",
    waitForSignIn(grant, wanted, authorization, attempt),
  );
  await waitFor("Writing to the store", store.replaceRefreshToken(signedIn.refreshToken, signal));
  const report: SignInReport = {
    ...{ server, issuer, clientId: id ?? null, scopes: signedIn.scopes, user: signedIn.user ?? null },
    ...{ refreshTokenExpiresAt: signedIn.refreshTokenExpiresAt ?? null, replaced },
  };
  print.note(outcome(report));
  return report;
}

/** What the person is asked for, from the config. */
function summary({ name, url }: ServerSpec, { client, scopes, resource }: RefreshTokenSpec): string {
  const rows = [
    ["server", url],
    ["issuer", client.issuer],
    ["client", client.id ?? "(none)"],
    ["scopes", scopes === undefined ? "(those that the server names)" : scopes.join(" ") || "(none)"],
    ["resource", resource === false ? "(none)" : (resource ?? "(as the server names it)")],
  ] as const;
  const lines = rows.map(([label, value]) => `  ${label.padEnd(10)}${printable(value)}`);
  return [`Signing in to "${name}"`, ...lines].join("\n");
}

/** Prints what is asked for and was not in the config. */
function printLearned(
  { target, scopes }: WantedSignIn,
  grant: RefreshTokenSpec,
  { url }: ServerSpec,
  print: SignInIo["print"],
): void {
  const { resource } = target;
  if (grant.scopes === undefined) {
    const named = scopes.length === 0 ? "no scopes: the authorization server decides" : scopes.join(" ");
    print.note(`The server names ${scopes.length === 0 ? named : `the scopes ${printable(named)}`}`);
  }
  if (grant.resource === undefined && resource !== undefined && resource !== url)
    print.note(`The server names the resource ${printable(resource)}`);
}

function instructions({
  verificationUri,
  verificationUriComplete,
  userCode,
  expiresIn,
}: DeviceAuthorization): string {
  return [
    "",
    "Open this page in any browser, on any device, and enter the code:",
    `  ${printable(verificationUri)}`,
    `  ${printable(userCode)}`,
    ...(verificationUriComplete === undefined
      ? []
      : ["Or open this page, and check that it shows the code:", `  ${printable(verificationUriComplete)}`]),
    `The code is valid for ${inWords(expiresIn)}. Stop with Ctrl+C.`,
    "",
  ].join("\n");
}

function outcome({ server, user, scopes, refreshTokenExpiresAt, replaced }: SignInReport): string {
  const scopeText = scopes.length === 0 ? "" : ` Scopes: ${printable(scopes.join(" "))}.`;
  const expiry =
    refreshTokenExpiresAt === null
      ? "The server does not say when it expires."
      : `It expires ${new Date(Math.min(refreshTokenExpiresAt, latestDate)).toISOString()}.`;
  return [
    `Signed in to "${server}" ${userInWords(user)}.${scopeText}`,
    `The refresh token is in the store${replaced ? ", and replaces that of an earlier sign-in" : ""}. ${expiry}`,
  ].join("\n");
}

/** The latest time that `Date` can print with a year of four digits. */
const latestDate = Date.UTC(9999, 11, 31);

/** Who signed in, as the server says. */
function userInWords(user: SignedInUser | null): string {
  const { name, email, subject } = user ?? {};
  const [first, ...others] = [name, email, subject].filter((text) => text !== undefined);
  if (first === undefined) return "(the server does not say who)";
  return printable(others.length === 0 ? `as ${first}` : `as ${first} (${others.join(", ")})`);
}

function inWords(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1_000);
  return seconds < 120 ? `${seconds} seconds` : `${Math.floor(seconds / 60)} minutes`;
}

function otherGrant(server: string, type: string): McpAuthError {
  return new McpAuthError(
    "config_invalid",
    `Server "${server}": nobody signs in for the grant ${type}. If its tokens are those of a person, set the grant's "type" ` +
      'to "refresh_token" and add a "store" of the type file or redis.',
    { server },
  );
}
