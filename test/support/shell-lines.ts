// Reads the lines of a shell as far as the documentation uses them: what is run, with which words.

/** Returns the commands of a script, each as its words, without variables set before them and without redirections. */
export function shellCommands(script: string): string[][] {
  return script.replaceAll("\\\n", " ").split("\n").flatMap(commandsOfLine);
}

/** A word, a quoted part, an operator, or a comment, in this order of precedence. */
const token =
  /\s+#.*$|^#.*$|\$\((?:[^()]|\([^()]*\))*\)|"(?:[^"\\]|\\.)*"|'[^']*'|&&|\|\||>>|[|;&()<>]|\s+|[^\s|;&()<>"'$]+|\$/g;

function commandsOfLine(line: string): string[][] {
  const commands: string[][] = [[]];
  let word: string | undefined;
  let redirected = false;
  const endWord = (): void => {
    const current = commands.at(-1) ?? [];
    const assignment = current.length === 0 && /^\w+=/.test(word ?? "");
    if (word !== undefined && !assignment && !redirected) current.push(word);
    if (word !== undefined) redirected = false;
    word = undefined;
  };
  for (const [text] of line.matchAll(token)) {
    if (/^\s/.test(text) || text.startsWith("#")) endWord();
    else if (/^(?:&&|\|\||[|;&()])$/.test(text)) {
      endWord();
      commands.push([]);
    } else if (/^(?:>>|[<>])$/.test(text)) {
      // `2>&1` is no word of the command.
      if (/^\d+$/.test(word ?? "")) word = undefined;
      endWord();
      redirected = true;
    } else word = (word ?? "") + (/^["']/.test(text) ? text.slice(1, -1) : text);
  }
  endWord();
  const inner = [...line.matchAll(/\$\(((?:[^()]|\([^()]*\))*)\)/g)];
  return [
    ...commands.filter(({ length }) => length > 0),
    ...inner.flatMap(([, text = ""]) => commandsOfLine(text)),
  ];
}
