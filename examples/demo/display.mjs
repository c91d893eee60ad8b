import { styleText } from "node:util";

/**
 * Writes the output of the demo: lines, and on a terminal one line below them that is updated. Without a terminal, or
 * with `NO_COLOR`, it writes only plain lines.
 *
 * @param {NodeJS.WriteStream} out
 * @param {Readonly<Record<string, string | undefined>>} env
 */
export function display(out, env) {
  const isLive = out.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  let live = "";
  const clear = () => {
    if (live !== "") out.write("\r\x1b[2K");
  };
  const paint = (style, text) => (isLive ? styleText(style, text) : text);

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
    /** Replaces the live line; without a text it removes it. */
    live(text = "") {
      if (!isLive) return;
      clear();
      // Truncated to the width of the terminal, because a line that wraps cannot be replaced.
      live = text.slice(0, (out.columns || 80) - 1);
      out.write(live);
    },
  };
}
