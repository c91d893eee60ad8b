import { expect, it } from "vitest";
import { maskCommand } from "../../../src/cli/print.js";

it.each([
  ["ey.a-b_c.d", "::add-mask::ey.a-b_c.d\n"],
  ["a%0Ab::c", "::add-mask::a%250Ab::c\n"],
  ["a\r\nb\n", "::add-mask::a%0D%0Ab%0A\n"],
])("%j is masked in one line, which the runner decodes to the same value", (value, line) => {
  expect(maskCommand(value)).toBe(line);
});
