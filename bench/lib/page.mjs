/**
 * Returns a page with the report of each block `<!-- bench NAME -->`, which ends with `<!-- bench end -->`. Throws if
 * the blocks and the reports do not have the same names.
 *
 * @param {string} page
 * @param {Record<string, string>} reports
 */
export function withReports(page, reports) {
  const left = new Set(Object.keys(reports));
  const next = page.replaceAll(
    /(<!-- bench (?!end)(\w+) -->\n)[\s\S]*?(<!-- bench end -->)/g,
    (_, begin, name, end) => {
      if (!left.delete(name)) throw new Error(`The page has a block ${name} without a report, or twice.`);
      return `${begin}\n${reports[name]}\n\n${end}`;
    },
  );
  if (left.size > 0) throw new Error(`The page has no block for ${[...left].join(", ")}.`);
  return next;
}
