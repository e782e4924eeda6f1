/** Submit a wall, with what is wrong beside its line as one types; and withdraw it. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { get, type Problem, type Schemas, write } from "../api/client";
import { awaited, wallId, walls } from "../data";
import { count } from "../format";
import { Loadable } from "../load";
import { Token } from "../parts/Token";
import { asProblem, Trouble } from "../parts/Trouble";
import { go } from "../place";
import {
  badLines,
  badPlaces,
  checkAsTyped,
  crews,
  EXAMPLE,
  material,
  mode,
  rangeOf,
  submit,
  text,
  verdict,
  wall,
} from "./draft";

/** What there is to choose from: another mode or material is another one here, too. */
const rules = new Loadable<Schemas["Rules"]>();

export function Submit() {
  const sent = useSignal<Schemas["WallAccepted"] | null>(null);
  const problem = useSignal<Problem | null>(null);
  const sending = useSignal(false);
  const modes = rules.value?.modes.map(({ mode }) => mode) ?? [];
  const materials = rules.value?.materials.map((one) => one.material) ?? [material.value];
  useEffect(checkAsTyped, []);
  useEffect(() => {
    rules.load((signal) => get("/api/rules", {}, signal));
  }, []);
  useEffect(() => {
    wall.value ||= wallId.value || "default";
  }, [wallId.value]);
  const onSubmit = async (event: SubmitEvent) => {
    event.preventDefault();
    sending.value = true;
    problem.value = null;
    try {
      sent.value = await submit();
      const id = wall.value.trim();
      if (!walls.value?.some((known) => known.wall === id)) awaited.value = id;
      go({ wall: id, day: null, profile: null, crew: "", crews: null });
    } catch (error) {
      problem.value = asProblem(error);
    }
    sending.value = false;
  };
  const ready = verdict.value.checked !== null && !sending.value;
  return (
    <form class="submit" onSubmit={onSubmit} autocomplete="off">
      <div class="settings">
        <Field label="Wall" value={wall} required />
        <Choice label="Mode" value={mode} options={["", ...modes]} none="as the crews say" />
        <Field label="Crews" value={crews} inputMode="numeric" placeholder="one per section" />
        <Choice label="Material" value={material} options={materials} />
      </div>
      <Editor />
      <Verdict />
      <div class="bar">
        <button type="submit" class="main" disabled={!ready}>
          {sending.value ? "Submitting…" : "Submit"}
        </button>
        <button
          type="button"
          onClick={() => {
            text.value = EXAMPLE;
          }}
        >
          Fill in the example
        </button>
        <Withdraw />
      </div>
      <Trouble problem={problem.value} />
      {problem.value?.status === 401 && <Token />}
      {sent.value && (
        <p class="done" role="status">
          {count(sent.value.records, "event")} on their topics: wall {sent.value.wall} with{" "}
          {count(sent.value.profiles.length, "profile")}
          {sent.value.withdrawn.length > 0 && `, ${sent.value.withdrawn.length} withdrawn`}. Watch
          it above.
        </p>
      )}
    </form>
  );
}

/** The text with its line numbers; those with something wrong stand out. */
function Editor() {
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const lines = text.value.split("\n").length;
  return (
    <>
      <label class="label" for="config">
        Profiles, a line each
      </label>
      <div class="editor">
        <div ref={gutter} class="gutter" aria-hidden="true">
          {Array.from({ length: lines }, (_, at) => (
            <span key={at} class={badLines.value.has(at + 1) ? "bad" : ""}>
              {at + 1}
            </span>
          ))}
        </div>
        <textarea
          ref={area}
          id="config"
          rows={10}
          wrap="off"
          spellcheck={false}
          placeholder={EXAMPLE}
          value={text.value}
          aria-invalid={badPlaces.value.length > 0}
          aria-describedby="verdict"
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
          onScroll={(event) => {
            if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
    </>
  );
}

function Verdict() {
  const { checked, problem } = verdict.value;
  const select = (line: number, column: number) => {
    const area = document.getElementById("config") as HTMLTextAreaElement;
    area.focus();
    area.setSelectionRange(...rangeOf(text.value, line, column));
  };
  return (
    <div id="verdict" class="verdict" aria-live="polite">
      {checked && (
        <p class="good">
          {count(checked.profiles, "profile")}, {count(checked.sections, "section")}
          {checked.withdrawn.length > 0 &&
            `; withdraws ${count(checked.withdrawn.length, "profile")} that the wall has now`}
        </p>
      )}
      {problem && badPlaces.value.length === 0 && <p class="bad">{problem.detail}</p>}
      <ul>
        {badPlaces.value.slice(0, MOST_PLACES).map(({ line, column, where, detail }) => (
          <li key={`${line}:${column}:${where}`}>
            {line != null ? (
              <button type="button" class="plain number" onClick={() => select(line, column ?? 1)}>
                line {line}
                {column != null && `, column ${column}`}
              </button>
            ) : (
              <strong>{where?.split(".").at(-1)}</strong>
            )}{" "}
            {detail}
          </li>
        ))}
      </ul>
      {badPlaces.value.length > MOST_PLACES && (
        <p>and {count(badPlaces.value.length - MOST_PLACES, "more")}</p>
      )}
    </div>
  );
}

const MOST_PLACES = 20;

function Withdraw() {
  const sure = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const id = wallId.value;
  if (!id) return null;
  const withdraw = async () => {
    sure.value = false;
    problem.value = null;
    try {
      await write("delete", "/api/walls/{wall}", { path: { wall: id } });
      go({ wall: "", day: null, profile: null, crew: "", crews: null });
    } catch (error) {
      problem.value = asProblem(error);
    }
  };
  return (
    <span class="withdraw">
      {sure.value ? (
        <>
          <button type="button" class="danger" onClick={withdraw}>
            Withdraw {id} and all of its profiles
          </button>
          <button
            type="button"
            onClick={() => {
              sure.value = false;
            }}
          >
            Keep it
          </button>
        </>
      ) : (
        <button
          type="button"
          onClick={() => {
            sure.value = true;
          }}
        >
          Withdraw {id}…
        </button>
      )}
      <Trouble problem={problem.value} />
    </span>
  );
}

type Text = { value: string };

function Field(props: {
  label: string;
  value: Text;
  required?: boolean;
  inputMode?: "numeric";
  placeholder?: string;
}) {
  const { label, value, ...rest } = props;
  return (
    <label>
      <span class="label">{label}</span>
      <input
        type="text"
        {...rest}
        value={value.value}
        onInput={(event) => {
          value.value = event.currentTarget.value;
        }}
      />
    </label>
  );
}

function Choice(props: { label: string; value: Text; options: string[]; none?: string }) {
  return (
    <label>
      <span class="label">{props.label}</span>
      <select
        value={props.value.value}
        onChange={(event) => {
          props.value.value = event.currentTarget.value;
        }}
      >
        {props.options.map((option) => (
          <option key={option} value={option}>
            {option || props.none}
          </option>
        ))}
      </select>
    </label>
  );
}
