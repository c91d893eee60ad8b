import { styleText } from "node:util";

/**
 * What the demo shows: lines, and below them on a terminal one live line. Without a terminal, or with `NO_COLOR`,
 * plain lines alone.
 *
 * @param {NodeJS.WriteStream} out
 * @param {Readonly<Record<string, string | undefined>>} env
 */
export function display(out, env) {
  const lively = out.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  let live = "";
  const clear = () => {
    if (live !== "") out.write("\r\x1b[2K");
  };
  const paint = (style, text) => (lively ? styleText(style, text) : text);

  return {
    strong: (text) => paint("bold", text),
    faint: (text) => paint("dim", text),
    good: (text) => paint("green", text),
    bad: (text) => paint("red", text),
    server: (text) => paint("cyan", text),
    line(text = "") {
      clear();
      out.write(`${text}\n${live}`);
    },
    heading(text) {
      this.line();
      this.line(this.strong(text));
    },
    /** Replaces the live line; nothing ends it. */
    live(text = "") {
      if (!lively) return;
      clear();
      // Cut to the width, where it is known: a line that wraps could not be replaced.
      live = text.slice(0, (out.columns || 80) - 1);
      out.write(live);
    },
  };
}
