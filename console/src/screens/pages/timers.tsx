/** What a page has settled by itself: how long an answer may take, and which requests are granted at once. */
import { useState } from "react";
import type { SurfaceTable } from "../../api/types";
import { withSide } from "../../model/routing";
import { AppChip } from "../../parts/app";
import { Button } from "../../parts/basic";
import { actsHead, Card, head, Input, Select, Setting, screen, Table, Wrong } from "../../parts/screen";
import { useAround } from "../shell";
import { useAppChoices } from "./app-names";
import { useDraft } from "./draft";

export function Timers() {
  const { page, on, change, mayChange } = useDraft();
  const side: Partial<SurfaceTable> = page[on] ?? {};
  return (
    <Card title="Timers" note="Baton’s own, and off unless they are set here">
      <Setting
        title="Time to answer"
        about="Whoever was given control and does not answer for so long loses it: 15m, 2h, 3d."
        at={`/${on}/answer_within`}
      >
        <Input
          mono
          value={side.answer_within ?? ""}
          placeholder="any time"
          maxLength={20}
          disabled={!mayChange}
          onChange={(event) => change(withSide(page, on, { answer_within: event.target.value.trim() }))}
        />
      </Setting>
      <Granted />
    </Card>
  );
}

/** Requests that are granted at once. */
function Granted() {
  const { apps } = useAround();
  const { page, on, change, mayChange } = useDraft();
  const having = useAppChoices("who has control");
  const asking = useAppChoices("who asks for it");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const grant = page[on]?.grant ?? [];
  const chip = (id: string) => (id === "inbox" ? "Inbox" : <AppChip app={apps.app(id)} />);
  const put = (next: { from: string; to: string }[]) => change(withSide(page, on, { grant: next }));
  const ready =
    from !== "" && to !== "" && from !== to && !grant.some((one) => one.from === from && one.to === to);
  return (
    <>
      <Setting
        title="Requests granted at once"
        about="While the first app has control and the second asks for it, it gets it without anybody’s doing."
        at={`/${on}/grant`}
      >
        {mayChange && (
          <span className={screen.acts}>
            <Select aria-label="While control is with" choices={having} value={from} choose={setFrom} />
            <Select aria-label="and it is asked for by" choices={asking} value={to} choose={setTo} />
            <Button
              disabled={!ready}
              onClick={() => {
                put([...grant, { from, to }]);
                setFrom("");
                setTo("");
              }}
            >
              Add
            </Button>
          </span>
        )}
      </Setting>
      {grant.length > 0 && (
        <Table
          label="Requests granted at once"
          heads={[head("While control is with"), head("it is given to"), actsHead]}
        >
          {grant.map((one, index) => (
            <tr key={`${one.from}/${one.to}`}>
              <td>
                {chip(one.from)}
                <Wrong at={`/${on}/grant/${index}`} />
              </td>
              <td>{chip(one.to)}, when it asks</td>
              <td>
                {mayChange && (
                  <span className={screen.acts}>
                    <Button look="quiet" onClick={() => put(grant.filter((other) => other !== one))}>
                      Remove
                    </Button>
                  </span>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}
