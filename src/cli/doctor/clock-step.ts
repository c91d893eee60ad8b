import { checkClocks } from "../../diagnosis/clock-difference.js";
import { issuerName } from "../../diagnosis/issuer.js";
import { unreachable } from "../../lib/unreachable.js";
import { clientsOf } from "../secrets/config-secrets.js";
import { failWith, type Outcome, pass, skip, warn } from "./outcome.js";
import type { ServerCheck } from "./server-check.js";

/** Compares the clocks of the servers, which their responses so far have told, with the one of this machine. */
export async function checkServerClocks({ server }: ServerCheck): Promise<Outcome> {
  const clients = clientsOf(server.spec);
  const owners = new Map([[server.spec.url, "the MCP server"]]);
  for (const { issuer } of clients) owners.set(issuer, `the authorization server ${issuerName(issuer)}`);
  const clocks = [...owners].flatMap(([url, owner]) => {
    const offset = server.clockOffset(url);
    return offset === undefined ? [] : [{ owner, offset }];
  });
  if (clocks.length === 0) return skip("no response has a date");
  const finding = checkClocks(clocks);
  if (finding === undefined) return pass("within 2 s of this machine");
  switch (finding.difference) {
    case "corrected":
      return pass(finding.cause ?? finding.remedy);
    case "large":
      return warn(finding);
    case "too_large":
      return failWith(finding, "unauthorized");
    default:
      return unreachable(finding.difference);
  }
}
