/** A field for JSON: its lines numbered, its parts told apart, and the line marked at which it cannot be read. */
import type { TextareaHTMLAttributes } from "react";
import { jsonParts } from "../../model/json";
import css from "./pages.module.css";

/**
 * The text that is seen lies under the field, whose own is transparent: both are laid out alike, and the field is as
 * high as its text, so that nothing has to be scrolled together.
 */
export function JsonEditor({
  value,
  wrongLine,
  ...rest
}: Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, "value" | "className"> & {
  value: string;
  /** Counted from 1. */
  wrongLine: number | null;
}) {
  return (
    <div className={css.editor}>
      <pre aria-hidden="true">
        {value.split("\n").map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a line is what stands at its place
          <span key={index} data-wrong={wrongLine === index + 1 || undefined}>
            {jsonParts(line).map((part, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: and so is a part of it
              <i key={place} data-kind={part.kind}>
                {part.text}
              </i>
            ))}
            {"\n"}
          </span>
        ))}
      </pre>
      <textarea {...rest} value={value} spellCheck={false} autoComplete="off" autoCapitalize="off" />
    </div>
  );
}
