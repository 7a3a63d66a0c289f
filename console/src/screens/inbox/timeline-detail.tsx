/** The chosen change as one sentence, under the timeline. Always there, so that nothing jumps. */
import { Popover } from "@mantine/core";
import type { OneConversation } from "../../api/types";
import { sentence } from "../../model/sentences";
import { type Entry, markKind } from "../../model/timeline";
import { Moment, Sentence } from "../../parts/app";
import { Key, LinkButton } from "../../parts/basic";
import { Explanation, RuleTag } from "../../parts/explain";
import { useAround } from "../shell";
import { MarkIcon } from "./marks";
import css from "./timeline.module.css";

export function Detail({
  one,
  entry,
  opened,
  setOpened,
}: {
  one: OneConversation;
  entry: Entry | null;
  opened: boolean;
  setOpened: (open: boolean) => void;
}) {
  const { apps } = useAround();
  if (!entry) {
    const owner = one.owner_app_id ? apps.app(one.owner_app_id) : null;
    return (
      <p className={css.detail}>
        {owner ? (
          <span>
            Control has not changed: it was always <bdi>{owner.name}</bdi>’s
          </span>
        ) : (
          <span>Nobody has had control yet</span>
        )}
      </p>
    );
  }
  const lane = entry.refused ? entry.by_app_id : (entry.to_app_id ?? entry.from_app_id);
  const words = (
    <>
      <Moment at={Date.parse(entry.at)} /> <Sentence pieces={sentence(entry, entry.owner)} apps={apps} />
    </>
  );
  return (
    <div
      className={css.detail}
      data-app={lane ? apps.app(lane).colour : "none"}
      data-refused={entry.refused ? true : undefined}
    >
      <MarkIcon kind={markKind(entry)} size={15} />
      <p>
        <strong>{words}</strong>
        {entry.expires_at && (
          <>
            {" "}
            · until <Moment at={Date.parse(entry.expires_at)} />
          </>
        )}
        {entry.metadata && <bdi> · “{entry.metadata}”</bdi>}
        {entry.refused && (
          <>
            {" "}
            · {entry.refused.code}
            {entry.refused.subcode !== null && `/${entry.refused.subcode}`}
          </>
        )}
      </p>
      <RuleTag rule={entry.rule} via={entry.via} />
      <Popover
        opened={opened}
        onChange={setOpened}
        withArrow
        shadow="md"
        position="bottom-end"
        trapFocus
        returnFocus
      >
        <Popover.Target>
          <LinkButton onClick={() => setOpened(!opened)}>
            Explain <Key>E</Key>
          </LinkButton>
        </Popover.Target>
        <Popover.Dropdown>
          <Explanation rule={entry.rule} via={entry.via}>
            <p>{words}</p>
          </Explanation>
        </Popover.Dropdown>
      </Popover>
    </div>
  );
}
