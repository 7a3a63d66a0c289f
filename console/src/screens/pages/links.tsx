/** Links that lead to an app: m.me on Messenger, ig.me on Instagram. */
import { type FormEvent, useState } from "react";
import { AppChip } from "../../parts/app";
import { Button, Empty } from "../../parts/basic";
import { actsHead, Card, Field, head, Input, Select, screen, Table, Wrong } from "../../parts/screen";
import { useAround } from "../shell";
import { useDraft } from "./draft";

export function Links() {
  const { apps } = useAround();
  const { page, on, change, mayChange } = useDraft();
  const [ref, setRef] = useState("");
  const [app, setApp] = useState("");
  const own = page.links.filter((link) => link.on === on);
  const connected = page.connections.map((one) => ({ value: one.app, words: apps.app(one.app).name }));
  const chosen = app || (connected[0]?.value ?? "");
  const name = on === "instagram" ? "ig.me" : "m.me";
  const taken = own.some((link) => link.ref === ref.trim());
  function add(event: FormEvent) {
    event.preventDefault();
    change({ ...page, links: [...page.links, { on, ref: ref.trim(), app: chosen }] });
    setRef("");
  }
  return (
    <Card title={`${name} links`} note="whoever comes by one is given to its app">
      {mayChange && (
        <form className={screen.body} onSubmit={add}>
          <div className={screen.fields}>
            <Field label="ref" wide>
              <Input mono value={ref} maxLength={250} onChange={(event) => setRef(event.target.value)} />
            </Field>
            <Field label="goes to">
              <Select choices={connected} value={chosen} choose={setApp} />
            </Field>
            <Button type="submit" disabled={ref.trim() === "" || taken || chosen === ""}>
              Add link
            </Button>
          </div>
          {taken && <p>There is a link with this ref.</p>}
        </form>
      )}
      {own.length === 0 ? (
        <Empty title="No link leads anywhere else">
          <p>Who comes by a link that is not named here is treated as who simply writes.</p>
        </Empty>
      ) : (
        <Table label="Links" heads={[head("Link"), head("goes to"), actsHead]}>
          {own.map((link) => (
            <tr key={link.ref}>
              <td>
                <code>
                  <bdi>
                    {name}/…?ref={link.ref}
                  </bdi>
                </code>
                <Wrong at={`/links/${page.links.indexOf(link)}`} />
              </td>
              <td>{link.app === "inbox" ? "Inbox" : <AppChip app={apps.app(link.app)} />}</td>
              <td>
                {mayChange && (
                  <span className={screen.acts}>
                    <Button
                      look="quiet"
                      onClick={() => change({ ...page, links: page.links.filter((one) => one !== link) })}
                    >
                      Remove<span className="hidden"> the link {link.ref}</span>
                    </Button>
                  </span>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}
