import { errorResponse } from "../json-rpc-error.js";
import { type JsonRpcId, noId } from "../json-rpc-id.js";

/** Why a line of the host is no message. */
export interface InvalidLine {
  readonly problem: "too_long" | "not_utf8" | "not_json" | "not_json_rpc";
  readonly id?: JsonRpcId;
}

const parseError = -32_700;
const invalidRequest = -32_600;

const messages: Readonly<Record<InvalidLine["problem"], string>> = {
  too_long: "The message is longer than 16 MiB. It was not sent.",
  not_utf8: "The message is not UTF-8. It was not sent.",
  not_json: "The message is not JSON on one line. It was not sent.",
  not_json_rpc: "The message is not JSON-RPC 2.0. It was not sent.",
};

/** Returns the answer to a line that is no message (JSON-RPC 2.0 §5.1), as JSON on one line. */
export function invalidLine({ problem, id = noId }: InvalidLine): string {
  const code = problem === "not_json_rpc" ? invalidRequest : parseError;
  return errorResponse(id, { code, message: messages[problem] });
}
