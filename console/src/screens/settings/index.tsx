/** Who may sign in, where they are signed in, and who did what. */
import { Link } from "@tanstack/react-router";
import { screen } from "../../parts/screen";
import { Audit } from "./audit";
import { Members } from "./members";
import { Sessions } from "./sessions";

const TABS = [
  { name: "people", words: "People", shows: Members },
  { name: "sessions", words: "Sessions", shows: Sessions },
  { name: "audit", words: "Audit log", shows: Audit },
] as const;

export function Settings({ tab }: { tab: string }) {
  const Shown = TABS.find(({ name }) => name === tab)?.shows ?? Members;
  return (
    <div className={screen.screen}>
      <div className={screen.top}>
        <nav className={screen.tabs} aria-label="Settings">
          {TABS.map(({ name, words }) => (
            <Link key={name} to="/settings/$tab" params={{ tab: name }} search={(before) => before}>
              {words}
            </Link>
          ))}
        </nav>
      </div>
      <Shown />
    </div>
  );
}
