import type { Finding } from "./finding.js";

/** How an MCP server answered one request that had a token. */
export interface AnsweredCall {
  /** The JSON-RPC method. */
  readonly method: string;
  /** The HTTP status. */
  readonly status: number;
  /** The `code` of a JSON-RPC error. */
  readonly errorCode?: number | undefined;
  /** Whether the answer is a JSON-RPC message. */
  readonly isMcp: boolean;
}

export type CallJudgement =
  | "accepted"
  /** The server accepts the token for one kind of request and refuses it for another. */
  | "one_kind_refused"
  /** It refuses the token for all of them. */
  | "token_refused"
  /** It accepts the token, but is no MCP server, or one with an error. */
  | "failed";

/** Returns what the answers to several requests say about the token. */
export function judgeCalls(calls: readonly AnsweredCall[]): CallJudgement {
  const refused = calls.filter(isRefused);
  // Servers look at the token before the message, so any other answer to a client's mistake means that it passed.
  const passed = calls.filter((call) => !refused.includes(call) && call.status < 500);
  if (refused.length > 0) return passed.length > 0 ? "one_kind_refused" : "token_refused";
  return calls.some(isResult) ? "accepted" : "failed";
}

/** Whether the server refused the token of a request, or what the client may do with it. */
export function isRefused({ status }: AnsweredCall): boolean {
  return status === 401 || status === 403;
}

function isResult({ status, errorCode, isMcp }: AnsweredCall): boolean {
  return status >= 200 && status < 300 && isMcp && errorCode === undefined;
}

/** Returns the finding for a server that refuses one kind of request while it accepts another with the same token. */
export function oneRequestRefused(calls: readonly AnsweredCall[]): Finding {
  const refused = calls.filter(isRefused);
  const accepted = calls.filter((call) => !refused.includes(call));
  const names = (list: readonly AnsweredCall[]) => list.map(({ method }) => method).join(" and ");
  const statuses = [...new Set(refused.map(({ status }) => status))].join(" and ");
  return {
    id: "one_request_refused",
    cause: `The server accepts the token for ${names(accepted)}, but refuses ${names(refused)} (${statuses}).`,
    remedy:
      "The token itself is right. Ask the operator of the server what this client may do there, and which scope or role " +
      'that needs: add a scope to the grant\'s "scopes" or to "stepUp".',
  };
}

/** Returns the finding for a server that accepts the token and does not answer as an MCP server. */
export function callFailed(calls: readonly AnsweredCall[]): Finding {
  const last = calls.at(-1);
  if (last === undefined) return { id: "mcp_no_answer", remedy: "See the log of the server." };
  const { method, status, errorCode, isMcp } = last;
  if (status >= 500) {
    return {
      id: "mcp_server_error",
      cause: `The server answered ${method} with HTTP ${status}.`,
      remedy: "The token was not refused. See the log of the server.",
    };
  }
  if (isMcp && errorCode !== undefined) {
    return {
      id: "mcp_error",
      cause: `The server answered ${method} with the JSON-RPC error ${errorCode}.`,
      remedy: "The token was not refused. See the log of the server.",
    };
  }
  return {
    id: "not_mcp",
    cause: `The server answered ${method} with HTTP ${status} and no MCP message.`,
    remedy: 'Check the path of the "url" of the server in the config.',
  };
}
