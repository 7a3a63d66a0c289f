/** The ways in: only those that the platform has, one of them chosen; come in, or ask what would happen. */
import { IconLink, IconPlayerPlay, IconSearch, IconSnowflake, IconSpeakerphone } from "@tabler/icons-react";
import type { Outcome } from "../../api/queries";
import type { Way } from "../../model/simulator";
import { duration, lasting } from "../../model/time";
import { AppChip } from "../../parts/app";
import { Button, Notices } from "../../parts/basic";
import { RuleTag } from "../../parts/explain";
import { useAround } from "../shell";
import css from "./simulator.module.css";

const ICONS = {
  ad: IconSpeakerphone,
  link: IconLink,
  get_started: IconPlayerPlay,
  ice_breaker: IconSnowflake,
  message: IconSearch,
};
const WORDS = {
  ad: "there is none",
  link: "",
  get_started: "welcome",
  ice_breaker: "",
  message: "says hello",
};

export function Ways({
  ways,
  way,
  value,
  choose,
  come,
  ask,
  busy,
  outcome,
}: {
  ways: Way[];
  way: number;
  value: string;
  choose: (index: number, choice?: string) => void;
  come: () => void;
  ask: () => void;
  busy: boolean;
  outcome: Outcome | null;
}) {
  const chosen = ways[way];
  const impossible = chosen?.kind === "ad" && chosen.choices.length === 0;
  return (
    <fieldset className={css.ways}>
      <legend>Come in by</legend>
      <div className={css.tiles}>
        {ways.map((one, index) => {
          const Icon = ICONS[one.kind];
          return (
            <div key={one.kind} className={css.tile} data-chosen={index === way || undefined}>
              <label>
                <input type="radio" checked={index === way} onChange={() => choose(index)} />
                <Icon size={17} stroke={1.8} aria-hidden="true" />
                <strong>{one.name}</strong>
              </label>
              {one.choices.length > 1 ? (
                <select
                  aria-label={`${one.name}: which`}
                  value={index === way ? value : (one.choices[0]?.value ?? "")}
                  onChange={(event) => choose(index, event.target.value)}
                >
                  {one.choices.map((choice) => (
                    <option key={choice.value} value={choice.value}>
                      {choice.words}
                    </option>
                  ))}
                </select>
              ) : (
                <small>
                  <bdi>{one.choices[0]?.words ?? WORDS[one.kind]}</bdi>
                </small>
              )}
            </div>
          );
        })}
      </div>
      <div className={css.come}>
        <Button look="actor" disabled={busy || impossible} onClick={come}>
          {chosen?.does}
        </Button>
        <Button disabled={busy || impossible} onClick={ask}>
          What if?
        </Button>
      </div>
      <div role="status">{outcome && <WhatIf outcome={outcome} />}</div>
    </fieldset>
  );
}

function WhatIf({ outcome }: { outcome: Outcome }) {
  const { apps } = useAround();
  if ("problem" in outcome) {
    const { detail, rule } = outcome.problem.document;
    return (
      <div className={css.whatIf} data-refused>
        <p>
          <strong>It would be refused.</strong> {detail}
        </p>
        {rule && <RuleTag rule={rule} />}
      </div>
    );
  }
  const { thread, rule, via, notices, at } = outcome.decided;
  const owner = thread.owner_app_id ? apps.app(thread.owner_app_id) : null;
  const length = thread.expires_at ? Date.parse(thread.expires_at) - Date.parse(at) : null;
  return (
    <div className={css.whatIf}>
      <p>
        Then <AppChip app={owner} coloured /> would be in control
        {length !== null
          ? ` for ${length > 60_000 ? lasting(length) : duration(length)}`
          : owner
            ? ", no end"
            : ""}
        . <RuleTag rule={rule} via={via} />
      </p>
      {notices.length > 0 && <Notices notices={notices} apps={apps} />}
    </div>
  );
}
