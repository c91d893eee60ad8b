import { printable } from "../../lib/printable.js";
import type { RejectedRequest } from "../facts.js";
import type { Finding } from "../finding.js";

const noScopes = { place: "grant", property: "scopes", value: [] } as const;

/** The client may not request these scopes. Says who chose them, because that decides what to change. */
export function checkScopes({ endpoint }: RejectedRequest): Finding | undefined {
  const { issuer, sent } = endpoint;
  const { from, configured = [] } = sent?.scopes ?? {};
  switch (from) {
    case "config":
    case undefined: {
      const shown = configured.length === 0 ? "" : ` (${printable(configured.join(" "))})`;
      return {
        id: "scopes_of_config",
        remedy: `Check the "scopes" of the grant${shown}, and which of them the client may request at ${issuer}.`,
        // To ask is all that is left.
        remains: "",
      };
    }
    case "challenge":
    case "scopes_supported":
      return {
        id: `scopes_of_${from === "challenge" ? "challenge" : "metadata"}`,
        cause: `The scopes came from ${from === "challenge" ? "a challenge" : 'the "scopes_supported"'} of the MCP server, and this client may not request all of them.`,
        remedy: `Set the grant's "scopes" to those that it may request at ${issuer}, or to ${JSON.stringify(noScopes.value)} to send none.`,
        trials: [noScopes],
        remains: `Set the grant's "scopes" to those that this client may request at ${issuer}.`,
      };
    case "call":
      return {
        id: "scopes_of_call",
        cause: "The scopes came from a step-up, or from a call that names scopes.",
        remedy: `Allow this client to request them at ${issuer}, or remove them from "stepUp" or from the call.`,
      };
    case "none":
      return {
        id: "no_scope",
        cause: "The request had no scope.",
        remedy: `Set the "scopes" of the grant to what ${issuer} expects of this client.`,
      };
  }
}
