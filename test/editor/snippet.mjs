// Applies a completion as an editor does, with what it proposes for each gap and nothing typed.

/** Stands for what the person types into a gap. */
export const gap = "GAP";

/** Returns the text of a snippet. A gap in an empty object or list stays empty. */
export function expanded(snippet) {
  let text = "";
  for (let index = 0; index < snippet.length; index += 1) {
    const rest = snippet.slice(index);
    const [placeholder, braced, proposed, plain] =
      /^\$\{(\d+)(?::((?:\\.|[^}\\])*))?\}|^\$(\d+)/.exec(rest) ?? [];
    if (placeholder === undefined) {
      if (rest[0] === "\\") index += 1;
      text += snippet[index];
      continue;
    }
    index += placeholder.length - 1;
    if (proposed !== undefined) text += proposed.replaceAll(/\\(.)/g, "$1");
    else if (braced !== undefined || plain !== undefined) text += gapAt(text);
  }
  return text;
}

function gapAt(before) {
  if (/[{[]\s*$/.test(before)) return "";
  const isInString = before.replaceAll(/\\./g, "").split('"').length % 2 === 0;
  return isInString ? gap : `"${gap}"`;
}

/** Returns a document after a completion. */
export function completed(text, offsetOf, item) {
  const { range, insert = range, newText } = item.textEdit;
  const start = offsetOf(insert.start);
  const end = offsetOf(insert.end);
  // An editor indents the lines of a snippet as the line that it is in.
  const [indent] = /^ */.exec(text.slice(text.lastIndexOf("\n", start - 1) + 1, start));
  const inserted = (item.insertTextFormat === 2 ? expanded(newText) : newText).replaceAll(
    "\n",
    `\n${indent}`,
  );
  return { text: `${text.slice(0, start)}${inserted}${text.slice(end)}`, inserted };
}
