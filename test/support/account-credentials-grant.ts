import { type GrantServer, issueAccessToken } from "./grant-server.js";

/** A grant that only one vendor has (RFC 6749 §4.5), like that of Zoom. */
export const accountCredentialsGrant = "account_credentials";

export interface AccountCredentialsOptions {
  /** The ids of the accounts that tokens are issued for. */
  readonly accounts: readonly string[];
}

export function registerAccountCredentials(
  server: GrantServer,
  { accounts }: AccountCredentialsOptions,
): void {
  server.provider.registerGrantType<{ readonly account_id?: string }>(
    accountCredentialsGrant,
    async (context) => {
      const { account_id: subject } = context.oidc.params;
      if (subject === undefined) throw new server.oidc.errors.InvalidRequest("no account_id");
      if (!accounts.includes(subject)) throw new server.oidc.errors.InvalidGrant({});
      return await issueAccessToken(server, context, { subject });
    },
    ["account_id", "scope", "resource"],
    ["resource"],
  );
}
