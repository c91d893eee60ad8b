import { expect, test } from "vitest";
import { jsRuntime } from "../../../src/lib/js-runtime.js";

test("Bun and Deno are told from Node.js, whose version they state too", () => {
  expect(jsRuntime({ node: "26.3.0", bun: "1.4.5" })).toBe("Bun");
  expect(jsRuntime({ node: "26.3.0", deno: "2.9.6" })).toBe("Deno");
  expect(jsRuntime({ node: "26.3.0" })).toBe("Node.js");
  expect(jsRuntime()).toBe("Node.js");
});
