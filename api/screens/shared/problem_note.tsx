// A refusal in words: a heading this page knows for the code, then what the server says was wrong and what is right.
import { wordFor, words } from "./i18n";
import type { Problem } from "./types";

export function ProblemNote({ problem, heading }: { problem: Problem; heading?: string }) {
  const known = words.value.problems[problem.code];
  return (
    <div class="note bad" role="alert" data-problem={problem.code}>
      <strong>{heading ? `${heading} · ` : ""}{known ?? problem.title ?? wordFor(words.value.problems, problem.code)}</strong>
      {problem.detail && problem.detail !== known && <p>{problem.detail}</p>}
      {problem.errors?.map((error) => <p key={error.where}>{error.where}: {error.problem}</p>)}
    </div>
  );
}
