import { describe, expect, test } from "vitest";
import { EventStreamParser, type StreamEvent } from "../../../../src/proxy/stdio/event-stream.js";

function parse(text: string, pieces: readonly string[] = [text]): StreamEvent[] {
  const parser = new EventStreamParser(1_000);
  return pieces.flatMap((piece) => parser.push(piece));
}

const stream =
  ": comment\r\nid: 1\r\ndata: a\r\ndata: b\r\n\r\n" +
  "event: other\rdata:c\r\r" +
  "id\ndata\n\n" +
  "retry: 20\nid: 3\n\n" +
  "data:  two spaces\nunknown: x\n\n" +
  "event: gone\n\n" +
  "data: never complete\nid: 9";

const events: StreamEvent[] = [
  { type: "message", data: "a\nb", lastEventId: "1" },
  { type: "other", data: "c", lastEventId: "1" },
  { type: "message", data: "", lastEventId: "" },
  { type: "message", data: "", lastEventId: "3" },
  { type: "message", data: " two spaces", lastEventId: "3" },
];

describe("an event stream", () => {
  test("has the events, types and IDs that the HTML standard says, with any line ends", () => {
    expect(parse(stream)).toEqual(events);
  });

  test("has the same events wherever a chunk ends", () => {
    for (let border = 0; border <= stream.length; border += 1) {
      const pieces = [stream.slice(0, border), "", stream.slice(border)];
      expect(parse(stream, pieces), `border ${border}`).toEqual(events);
    }
    expect(parse(stream, [...stream])).toEqual(events);
  });

  test("delivers an event that ends with a CR at once", () => {
    const parser = new EventStreamParser(1_000);
    expect(parser.push("data: a\r\r")).toHaveLength(1);
    expect(parser.push("\ndata: b\n\n")).toEqual([{ type: "message", data: "b", lastEventId: "" }]);
  });

  test("ignores an ID with NUL and a retry that is no number", () => {
    const parser = new EventStreamParser(1_000);
    expect(parser.push("id: a\0b\nretry: 1e3\ndata: x\n\n")).toEqual([
      { type: "message", data: "x", lastEventId: "" },
    ]);
    expect(parser.retry).toBeUndefined();
    parser.push("retry: 1500\n");
    expect(parser.retry).toBe(1_500);
  });

  test("continues from the position at which it is resumed", () => {
    const parser = new EventStreamParser(1_000, "7");
    expect(parser.push("data: x\n\n")).toEqual([{ type: "message", data: "x", lastEventId: "7" }]);
  });

  test("stops at an event that is too long, in one line or in many", () => {
    for (const piece of ["data: x\n", "x"]) {
      const parser = new EventStreamParser(1_000);
      const found = Array.from({ length: 2_000 }, () => parser.push(piece)).flat();
      expect(found).toEqual([]);
      expect(parser.isTooLong).toBe(true);
      expect(parser.push("\n\ndata: y\n\n")).toEqual([]);
    }
  });

  test("does not count comments, which keep a connection open for as long as it lasts", () => {
    const parser = new EventStreamParser(1_000);
    for (let sent = 0; sent < 2_000; sent += 1) parser.push(": keepalive\n\n: more\n");
    expect(parser.isTooLong).toBe(false);
    expect(parser.push("data: x\n\n")).toHaveLength(1);
  });
});
