import { own } from "./words";

export function App() {
  return <main class="failed"><h1>{own.value.title}</h1></main>;
}
