//! Processor time of processes.

use std::fs;

use crate::Failed;

/// Sums the time that the threads of these processes, and of their children, have had on a processor.
pub fn nanoseconds(processes: &[u32]) -> Result<u64, Failed> {
    let mut sum = 0;
    for process in processes {
        for task in fs::read_dir(format!("/proc/{process}/task"))? {
            let task = task?.path();
            let told = fs::read_to_string(task.join("schedstat"))?;
            sum += told.split(' ').next().unwrap_or_default().parse::<u64>()?;
            let children = fs::read_to_string(task.join("children")).unwrap_or_default();
            let children: Vec<u32> = children.split_whitespace().filter_map(|id| id.parse().ok()).collect();
            sum += nanoseconds(&children)?;
        }
    }
    Ok(sum)
}
