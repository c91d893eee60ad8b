import { expect, test } from "vitest";
import { certificateEnds } from "../../../src/diagnosis/certificate-end.js";

const [now, day] = [Date.UTC(2026, 5, 1), 86_400_000];
const validity = (daysBefore: number, daysLeft: number) => ({
  ...{ source: 'the file "tls.crt"', now },
  ...{ beginsAt: now - daysBefore * day, expiresAt: now + daysLeft * day },
});

test.each([
  ["a year, with a month left", 335, 30],
  ["ninety days, with ten left", 80, 10],
  ["a day, with three hours left", 0.875, 0.125],
])("a certificate for %s is in order", (_, before, left) => {
  expect(certificateEnds(validity(before, left))).toBeUndefined();
});

test.each([
  ["a year, with thirteen days left", 352, 13],
  ["ninety days, with eight left", 82, 8],
  ["a day, with an hour left", 0.96, 0.04],
])("a certificate for %s should have been renewed", (_, before, left) => {
  expect(certificateEnds(validity(before, left))).toMatchObject({
    id: "certificate_expires_soon",
    cause: expect.stringContaining('The certificate in the file "tls.crt" expires at 2026-'),
  });
});
