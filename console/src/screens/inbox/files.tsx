/** The files of an answer: chosen, dropped or pasted; each with how it does, and the way to leave it out. */
import { IconPaperclip, IconX } from "@tabler/icons-react";
import { useRef } from "react";
import { Problem } from "../../api/client";
import { type Brought, bring, drop, MOST } from "../../api/files";
import { fileSize } from "../../model/messages";
import { Button } from "../../parts/basic";
import css from "./inbox.module.css";

export function Attach({ name, page, full }: { name: string; page: string; full: boolean }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={field}
        type="file"
        multiple
        hidden
        aria-label="Files to send"
        onChange={(event) => {
          bring(name, page, event.currentTarget.files ?? []);
          event.currentTarget.value = "";
        }}
      />
      <Button
        look="quiet"
        aria-label="Attach files"
        title={full ? `At most ${MOST} files` : "Attach files"}
        disabled={full}
        onClick={() => field.current?.click()}
      >
        <IconPaperclip size={18} aria-hidden="true" />
      </Button>
    </>
  );
}

/** What is wrong with this file, where the server says it; else what is wrong. */
const whyNot = (error: Error): string =>
  (error instanceof Problem && error.document.errors?.[0]?.detail) || error.message;

export function Files({ name, files }: { name: string; files: Brought[] }) {
  if (files.length === 0) return null;
  return (
    <ul className={css.files} aria-label="Files to send" aria-live="polite">
      {files.map((file) => (
        <li key={file.id} data-tone={file.error ? "danger" : undefined}>
          <bdi>{file.name}</bdi>
          <small>
            {file.error ? whyNot(file.error) : file.attachment ? fileSize(file.bytes) : "on its way…"}
          </small>
          <button type="button" aria-label={`Leave out ${file.name}`} onClick={() => drop(name, file.id)}>
            <IconX size={14} aria-hidden="true" />
          </button>
        </li>
      ))}
    </ul>
  );
}
