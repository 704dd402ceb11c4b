import type { Input } from '../api/shapes';
import { InputField } from './InputField';
import type { Fields } from './useFields';

/** The fields of a form, in their order; those whose condition does not hold are not there. */
export function FieldList({ inputs, fields }: { inputs: Input[]; fields: Fields }) {
  return inputs.map((input) => {
    const shown = fields.shown.get(input.name) ?? 'yes';
    return (
      shown !== 'no' && (
        <InputField
          key={input.name}
          input={input}
          given={fields.values[input.name] ?? null}
          fault={fields.faultOf(input)}
          unsure={shown === 'unsure'}
          computed={fields.computed}
          before={input.type === 'choice' && input.from ? fields.values : undefined}
          change={fields.change}
        />
      )
    );
  });
}
