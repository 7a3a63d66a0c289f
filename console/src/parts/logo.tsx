/** Baton's mark: the dot is handed on. */
import css from "./logo.module.css";

export function Logo() {
  return (
    <svg className={css.logo} viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M9.5 22 20.5 11" strokeWidth="4" strokeLinecap="round" />
      <circle cx="22.5" cy="22.5" r="2.4" />
    </svg>
  );
}
