import { describe, expect, test } from "vitest";
import { parseMessage } from "../../../../src/proxy/stdio/message.js";

describe("a message", () => {
  test.each([
    ['{"jsonrpc":"2.0","id":1,"method":"ping"}', ["request"]],
    ['{"jsonrpc":"2.0","id":"a","method":"ping","params":{}}', ["request"]],
    ['{"jsonrpc":"2.0","method":"notifications/initialized"}', ["notification"]],
    ['{"jsonrpc":"2.0","id":1,"result":{}}', ["response"]],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"x"}}', ["response"]],
    ['{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"x"}}', ["response"]],
    ['[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","method":"b"}]', ["request", "notification"]],
  ])("has its parts: %s", (text, kinds) => {
    const message = parseMessage(text);
    expect("parts" in message && message.parts.map(({ kind }) => kind)).toEqual(kinds);
  });

  test.each([
    ["", "not_json", "null"],
    ["{", "not_json", "null"],
    ["1", "not_json_rpc", "null"],
    ["[]", "not_json_rpc", "null"],
    ['[{"jsonrpc":"2.0","id":1,"method":"a"},1]', "not_json_rpc", "null"],
    ['{"id":1,"method":"ping"}', "not_json_rpc", "1"],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', "not_json_rpc", "null"],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}', "not_json_rpc", "null"],
    ['{"jsonrpc":"2.0","id":"a","method":1}', "not_json_rpc", '"a"'],
    ['{"jsonrpc":"2.0","id":1}', "not_json_rpc", "1"],
    ['{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1}}', "not_json_rpc", "1"],
    ['{"jsonrpc":"2.0","id":1,"error":null}', "not_json_rpc", "1"],
    ['{"jsonrpc":"2.0","id":9007199254740993}', "not_json_rpc", "9007199254740993"],
    ['{"jsonrpc":"2.0","id":1,"error":"text"}', "not_json_rpc", "1"],
  ])("is refused if it is not one: %s", (text, problem, id) => {
    expect(parseMessage(text)).toEqual({ problem, id });
  });

  test("keeps its text, apart from what ends a line", () => {
    const text =
      '{"jsonrpc":"2.0",\r\n"id":1,\n"result":{"n":12345678901234567890,"n":1.0,"s":"\u2028\\n\u2029"}}\r';
    const message = parseMessage(text);
    expect("text" in message && message.text).toBe(
      '{"jsonrpc":"2.0", "id":1, "result":{"n":12345678901234567890,"n":1.0,"s":"\\u2028\\n\\u2029"}}',
    );
  });

  test.each([
    [
      '{"jsonrpc":"2.0","id":1,"result":{"n":1e400},"error":null}',
      '{"jsonrpc":"2.0","id":1,"result":{"n":1e400}}',
    ],
    ['{"jsonrpc":"2.0","id":1,"result":null,"error":null}', '{"jsonrpc":"2.0","id":1,"result":null}'],
    [
      '{"jsonrpc":"2.0","id":1,"result":null,"error":{"code":1.0,"message":""}}',
      '{"jsonrpc":"2.0","id":1,"error":{"code":1.0,"message":""}}',
    ],
    [
      '[{"jsonrpc":"2.0","id":1,"error":null,"result":{}}, {"jsonrpc":"2.0","method":"a"}]',
      '[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","method":"a"}]',
    ],
  ])("loses the `null` that a response has beside its result or error: %s", (text, cleaned) => {
    const message = parseMessage(text);
    expect("text" in message && message.text).toBe(cleaned);
  });

  test("has the id of each part as it was written, if JavaScript cannot hold it", () => {
    const ids = ["9007199254740993", "9007199254740992", "1e400", "-1e400", '"9007199254740993"'];
    const batch = ids.map((id) => `{"jsonrpc":"2.0","method":"a","params":{"id":3},"id": ${id} }`);
    const message = parseMessage(`[${batch.join()}]`);
    expect("parts" in message && message.parts.map((part) => "id" in part && part.id)).toEqual(ids);
  });
});
