import { formatViolation } from "../../../src/config/format-violation.js";
import { checkConfig } from "../../../src/config/load.js";
import { client, smallest } from "./folder.js";

/** Returns the violations of a config, as `pointer: message. Hint.` */
export async function violationsOf(
  config: unknown,
  env: Record<string, string> = {},
): Promise<readonly string[]> {
  // These configs do not type-check on purpose.
  const { violations } = await checkConfig({ config: config as never, cwd: "/etc/agent", env });
  return violations.map(formatViolation);
}

export const crm = (change: object) => ({ servers: { crm: { ...smallest.servers.crm, ...change } } });
export const withGrant = (grant: unknown) => crm({ grant });
export const withClient = (change: object) => withGrant({ client: { ...client, ...change } });
/** A client with this credential and no other. */
export const withCredential = (change: object) => {
  return withGrant({ client: { issuer: client.issuer, id: client.id, ...change } });
};
export const withSecret = (secret: unknown) => withCredential({ secret });
export const withKey = (key: unknown) => withCredential({ key });
