import { expect, test } from "vitest";
import { checkClocks } from "../../../src/diagnosis/clock-difference.js";

const mcp = (offset: number) => ({ owner: "the MCP server", offset });
const issuer = (offset: number) => ({ owner: "the issuer", offset });

test("no clocks, and clocks within two seconds, are no finding", () => {
  expect(checkClocks([])).toBeUndefined();
  expect(checkClocks([mcp(2_000), issuer(-2_000)])).toBeUndefined();
});

test.each([
  [30_000, "clock_skew", "corrected", "30 s ahead of"],
  [90_000, "clock_skew", "large", "90 s ahead of"],
  [-600_000, "clock_skew", "large", "600 s behind"],
  [600_001, "clock_differs", "too_large", "601 s ahead of"],
])("a clock that is %s ms ahead is %s", (offset, id, difference, words) => {
  const finding = checkClocks([mcp(0), issuer(offset)]);
  expect(finding).toMatchObject({ id, difference });
  expect(finding?.cause).toContain(`The clock of the issuer is ${words} the clock of this machine.`);
  expect(finding?.remedy).toContain(
    "agrees with that of the MCP server, so have the clock of the issuer corrected",
  );
});

test("without a third clock, both are named", () => {
  expect(checkClocks([issuer(90_000)])?.remedy).toContain("that of this machine, or that of the issuer");
  expect(checkClocks([issuer(90_000), mcp(-40_000)])?.remedy).toContain("Compare both with another clock");
});

test("clocks that agree with each other show that ours is wrong", () => {
  expect(checkClocks([mcp(90_000), issuer(91_000)])?.remedy).toContain("correct the clock of this machine");
});
