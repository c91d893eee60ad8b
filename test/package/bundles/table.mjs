// Which bundles are built and run: each pair of values of two columns is in at least one row.

export const columns = {
  bundler: ["esbuild", "rollup", "webpack", "Next.js", "bun build"],
  /** The modules of the program, and of the bundle where the bundler lets one choose. */
  format: ["ESM", "CommonJS"],
  config: ["an object", "JSON", "YAML", "a schedule", "a file store"],
  typeScript: ["without TypeScript", "with TypeScript"],
};

/** The rows, one for each bundler and config; the other columns alternate. */
export const rows = columns.bundler.flatMap((bundler, line) =>
  columns.config.map((config, place) => ({
    bundler,
    format: columns.format[(line + place) % 2],
    config,
    typeScript: columns.typeScript[Math.floor((line + 3 * place) / 2) % 2],
  })),
);

/** Returns the pairs of values that are in no row. */
export function missingPairs() {
  const names = Object.keys(columns);
  const pairs = names.flatMap((first, index) => names.slice(index + 1).map((second) => [first, second]));
  return pairs.flatMap(([first, second]) =>
    columns[first].flatMap((one) =>
      columns[second]
        .filter((other) => !rows.some((row) => row[first] === one && row[second] === other))
        .map((other) => `${one} and ${other}`),
    ),
  );
}
