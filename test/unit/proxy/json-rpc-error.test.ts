import { expect, test } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { errorResponse, jsonRpcError } from "../../../src/proxy/json-rpc-error.js";

test("a failure becomes a JSON-RPC error with the id of the request and our own code in its data", () => {
  const options = { server: "crm", retryable: true, retryAfter: 1_500 };
  const error = new McpAuthError("unavailable", 'Server "crm" did not answer.', options);
  expect(JSON.parse(errorResponse('"a"', jsonRpcError(error)))).toStrictEqual({
    jsonrpc: "2.0",
    id: "a",
    error: {
      code: -31_001,
      message: 'Server "crm" did not answer.',
      data: { code: "unavailable", server: "crm", retryable: true, retryAfter: 1_500 },
    },
  });
});

test("a JSON-RPC error has only the properties that the failure has, and none of what a server said", () => {
  const details = { error_description: "text of a server" };
  const error = new McpAuthError("unauthorized", "The server refused the token.", { details });
  expect(errorResponse("7", jsonRpcError(error))).toBe(
    '{"jsonrpc":"2.0","id":7,"error":{"code":-31001,"message":"The server refused the token.",' +
      '"data":{"code":"unauthorized","retryable":false}}}',
  );
});
