import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { type Line, readLines } from "../../../../src/proxy/stdio/lines.js";

async function linesOf(chunks: readonly (Buffer | string)[], maxBytes = 10): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(Readable.from(chunks), maxBytes)) lines.push(line);
  return lines;
}

describe("the lines of a stream", () => {
  test("are the same wherever a chunk ends, also in the middle of a character", async () => {
    const bytes = Buffer.from('{"é"}\n\n \r\n"€"\r\nlast');
    const expected = [{ text: '{"é"}' }, { text: '"€"\r' }, { text: "last" }];
    for (let border = 0; border <= bytes.length; border += 1) {
      expect(await linesOf([bytes.subarray(0, border), bytes.subarray(border)])).toEqual(expected);
    }
    expect(await linesOf([...bytes].map((byte) => Buffer.of(byte)))).toEqual(expected);
  });

  test("are skipped if they are too long, and the next one is read", async () => {
    expect(await linesOf(["1234567890\n12345678901\n", "12345678", "9012\nok\n"])).toEqual([
      { text: "1234567890" },
      { problem: "too_long" },
      { problem: "too_long" },
      { text: "ok" },
    ]);
  });

  test("are refused if they are not UTF-8, and the next one is read", async () => {
    expect(await linesOf([Buffer.of(0x22, 0xff, 0x22, 0x0a), "ok"])).toEqual([
      { problem: "not_utf8" },
      { text: "ok" },
    ]);
  });
});
