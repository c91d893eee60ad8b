import { callFailed, isRefused, judgeCalls, oneRequestRefused } from "../../diagnosis/mcp-call.js";
import { McpAuthError } from "../../errors/error.js";
import { counted } from "../../lib/counted.js";
import { unreachable } from "../../lib/unreachable.js";
import { type Asked, askMcpServer } from "./mcp-requests.js";
import { fail, failWith, type Outcome, pass, skip } from "./outcome.js";
import type { Learned, ServerCheck } from "./server-check.js";

/** Sends MCP requests with the token: `initialize` and `tools/list`. Calls no tool. */
export async function checkCall({ server, learned }: ServerCheck, signal: AbortSignal): Promise<Outcome> {
  if (server.isForUsers) return skip("its tokens are for users that only code knows");
  const calls = await askMcpServer(server, signal);
  const judgement = judgeCalls(calls);
  const refused = calls.find(isRefused);
  switch (judgement) {
    case "accepted":
      return pass(accepted(calls));
    case "one_kind_refused":
      return { ...failWith(oneRequestRefused(calls), codeOf(refused)), details: refused?.error?.details };
    case "token_refused":
      return refusedToken(refused, learned);
    case "failed":
      return failWith(callFailed(calls), "unavailable");
    default:
      return unreachable(judgement);
  }
}

/** What is suspicious about the token says more than the refusal of the server. */
function refusedToken(refused: Asked | undefined, { suspicion }: Learned): Outcome {
  const error = refused?.error ?? new McpAuthError("unauthorized", "The server refuses the token.");
  const failed = fail(error);
  const message = `the server refuses the token (${refused?.status ?? 401})`;
  if (suspicion === undefined) return { ...failed, message };
  const { id, cause = "", remedy } = suspicion;
  return { ...failed, message, finding: id, todo: `${cause} ${remedy}`.trim() };
}

function codeOf(refused: Asked | undefined) {
  return refused?.error?.code ?? "unauthorized";
}

function accepted(calls: readonly Asked[]): string {
  const done = calls.filter(({ result }) => result !== undefined);
  const tools = done.find(({ method }) => method === "tools/list")?.result?.["tools"];
  const count = Array.isArray(tools) ? `, ${counted(tools.length, "tool")}` : "";
  return `${done.map(({ method }) => method).join(" and ")} accepted${count}`;
}
